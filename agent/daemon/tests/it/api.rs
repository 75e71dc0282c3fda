//! Sessions, errors and streams.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::harness::{App, PASSWORD, credentials, request};

#[tokio::test]
async fn the_first_owner_signs_up_and_stays_signed_in() {
    let mut app = App::new().await;
    assert_eq!(app.get("/session").await.json(), json!({ "state": "needs_setup" }));

    let answer = app.set_up("ada", "short", &app.code).await;
    answer.is_problem(422, "invalid-fields");
    assert_eq!(answer.json()["fields"][0]["field"], "password");

    let answer = app.set_up("ada", PASSWORD, &app.code).await;
    let mut told = answer.json();
    let key = told["key"].take().as_str().expect("a key").to_owned();
    assert_eq!(
        (key.len(), told["state"].as_str(), &told["user"]["username"]),
        (43, Some("signed_in"), &json!("ada"))
    );
    let cookie = answer.header("set-cookie");
    for attribute in ["hearth_session=", "; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=15552000"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    app.keep_session(&answer);
    assert_eq!(app.get("/session").await.json()["state"], "signed_in");
    assert_eq!(app.get("/apps").await.json(), json!([]));
    app.set_up("eve", PASSWORD, &app.code).await.is_problem(409, "already-set-up");
}

#[tokio::test]
async fn a_box_without_an_owner_is_given_to_who_shows_its_code() {
    let app = App::new().await;
    // What a page that rebinds a name, or a neighbour, can send.
    app.post("/setup", credentials("eve", PASSWORD)).await.is_problem(403, "set-up-code");
    for wrong in ["", "ACDE-4679", "no code at all"] {
        let answer = app.set_up("eve", PASSWORD, wrong).await;
        answer.is_problem(403, "set-up-code");
        assert_eq!(answer.json()["fields"][0]["field"], "code");
        assert!(answer.json()["detail"].as_str().unwrap().contains("`hearth setup-code`"), "{answer:?}");
    }
    app.get("/setup/code").await.is_problem(401, "signed-out");
    assert_eq!(app.get("/session").await.json(), json!({ "state": "needs_setup" }));
    let typed = app.code.to_lowercase().replace('-', " ");
    assert_eq!(app.set_up("ada", PASSWORD, &typed).await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_out_ends_the_session_for_good() {
    let app = App::signed_in().await;
    let answer = app.json("DELETE", "/session", Value::Null).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("set-cookie").starts_with("hearth_session=;"), "{answer:?}");
    // The cookie that a copy of it still shows is worth nothing.
    app.get("/apps").await.is_problem(401, "signed-out");
    assert_eq!(app.get("/session").await.json(), json!({ "state": "signed_out" }));
    assert_eq!(app.json("DELETE", "/session", Value::Null).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_new_password_signs_out_every_other_browser() {
    let app = App::signed_in().await;
    let mut other = app.other_browser();
    let answer = other.post("/session", credentials("ADA", PASSWORD)).await;
    other.keep_session(&answer);
    assert_eq!(other.get("/apps").await.status, StatusCode::OK);

    let change = json!({ "current": "not the password", "new": "a better password" });
    app.json("PUT", "/session/password", change).await.is_problem(422, "wrong-password");
    let change = json!({ "current": PASSWORD, "new": "a better password" });
    assert_eq!(app.json("PUT", "/session/password", change).await.status, StatusCode::NO_CONTENT);

    assert_eq!(app.get("/apps").await.status, StatusCode::OK);
    other.get("/apps").await.is_problem(401, "signed-out");
    other.post("/session", credentials("ada", PASSWORD)).await.is_problem(401, "wrong-credentials");
}

#[tokio::test]
async fn a_guesser_keeps_nobody_out() {
    let app = App::signed_in().await;
    let mut guesser = app.other_browser();
    let known = app.post("/session", credentials("ada", PASSWORD)).await.json()["device"].clone();
    let sign_in =
        |password: &str, device: &Value| json!({ "username": "ada", "password": password, "device": device });
    for _ in 0..5 {
        guesser.post("/session", credentials("ada", "guess")).await.is_problem(401, "wrong-credentials");
    }
    // A sixth comes no sooner than two seconds after the fifth, right or wrong.
    let began = Instant::now();
    guesser.post("/session", credentials("ada", "guess")).await.is_problem(401, "wrong-credentials");
    assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
    // From the same address the right password gets in from a browser that was in before, at once and every time …
    let began = Instant::now();
    for _ in 0..13 {
        let answer = guesser.post("/session", sign_in(PASSWORD, &known)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    // … a made-up one waits like any other, and gets in as well …
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
    let answer = guesser.post("/session", sign_in(PASSWORD, &json!("AAAA"))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // … and so does the change of the password.
    guesser.keep_session(&answer);
    let change = json!({ "current": PASSWORD, "new": "a better password" });
    assert_eq!(guesser.json("PUT", "/session/password", change).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn nothing_but_the_open_routes_answers_without_a_session() {
    let app = App::signed_in().await.other_browser();
    let document = app.get("/openapi.json").await.json();
    let open = [
        ("post", "/setup"),
        ("get", "/session"),
        ("post", "/session"),
        ("delete", "/session"),
        ("get", "/store/packages/{store}/{package}/icon"),
    ];
    let mut guarded = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            if open.contains(&(method.as_str(), path.as_str())) {
                continue;
            }
            let address = path
                .replace("{id}", "wordpress")
                .replace("{n}", "1")
                .replace("{store}", "hearth")
                .replace("{package}", "wordpress");
            assert!(!address.contains('{'), "{address} has a part that this test does not know");
            // An empty body, so that whatever the handler would say about it comes after the session.
            let answer = app.json(&method.to_uppercase(), &address, Value::Null).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            answer.is_problem(401, "signed-out");
            guarded += 1;
        }
    }
    assert!(guarded >= 30, "the document lists {guarded} guarded operations only");
}

#[tokio::test]
async fn made_up_cookies_open_nothing() {
    let mut app = App::signed_in().await.other_browser();
    for cookie in [
        "hearth_session=",
        "hearth_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "hearth_session=%00",
        "session=x; hearth_session=\"",
    ] {
        app.cookie = cookie.to_owned();
        app.get("/apps").await.is_problem(401, "signed-out");
    }
}

#[tokio::test]
async fn the_cookie_that_pages_of_apps_are_given_opens_nothing_of_the_api() {
    let app = App::signed_in().await;
    let mut stolen = app.other_browser();
    stolen.cookie.clone_from(&app.cookie);
    for path in ["/apps", "/desired", "/system", "/generations", "/stores"] {
        stolen.get(path).await.is_problem(401, "signed-out");
    }
    let change = json!({ "current": PASSWORD, "new": "a better password" });
    stolen.json("PUT", "/session/password", change).await.is_problem(401, "signed-out");
    assert_eq!(stolen.get("/session").await.json(), json!({ "state": "signed_out" }));
    // Events and logs hold the passwords that apps begin with, and whatever apps print.
    for path in ["/events", "/apps/wordpress/logs", "/apps/wordpress/logs?follow=true"] {
        stolen.get(path).await.is_problem(401, "signed-out");
    }
    // It does not sign the owner out either.
    assert_eq!(stolen.json("DELETE", "/session", Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get("/apps").await.status, StatusCode::OK);
    // The token in it is not a key either.
    stolen.key = app.cookie.trim_start_matches("hearth_session=").to_owned();
    stolen.get("/apps").await.is_problem(401, "signed-out");
    assert_eq!(app.get("/apps").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_has_the_key_is_given_a_lost_cookie_again() {
    let mut app = App::signed_in().await;
    assert_eq!(app.get("/session").await.header("set-cookie"), "");
    let cookie = std::mem::take(&mut app.cookie);
    let answer = app.get("/session").await;
    assert!(answer.header("set-cookie").starts_with(&format!("{cookie};")), "{answer:?}");
    assert_eq!(answer.json().get("key"), None, "nobody is told the key twice");
    assert_eq!(app.get("/apps").await.status, StatusCode::OK);
}

#[tokio::test]
async fn changes_from_another_site_are_refused() {
    let app = App::signed_in().await;
    let from = async |name: &str, value: &str| {
        let request = request("POST", "/apps/wordpress/stop").header(name, value);
        app.send(request.body(Body::empty()).unwrap()).await
    };
    from("sec-fetch-site", "cross-site").await.is_problem(403, "cross-site");
    // A page of an app on another port of this very box.
    from("sec-fetch-site", "same-site").await.is_problem(403, "cross-site");
    from("origin", "http://localhost:8081").await.is_problem(403, "cross-site");
    from("origin", "http://localhost").await.is_problem(404, "no-such-app");
    from("sec-fetch-site", "same-origin").await.is_problem(404, "no-such-app");
}

#[tokio::test]
async fn a_name_that_somebody_else_can_point_here_is_not_answered() {
    let app = App::signed_in().await;
    let ask = async |host: &str| {
        let request = axum::http::Request::get("/api/v1/session").header("host", host);
        app.send(request.body(Body::empty()).unwrap()).await
    };
    let refused = ask("evil.example").await;
    refused.is_problem(421, "misdirected");
    assert!(refused.json()["detail"].as_str().unwrap().contains("`evil.example`"), "{refused:?}");
    assert_eq!(ask("192.0.2.1:8080").await.status, StatusCode::OK);
    // A name in the line of the request counts as well, whatever `Host` says.
    let request = axum::http::Request::get("http://evil.example/api/v1/session").header("host", "localhost");
    app.send(request.body(Body::empty()).unwrap()).await.is_problem(421, "misdirected");

    let settings = json!({ "names": ["cloud.example"] });
    assert_eq!(app.json("PATCH", "/system/settings", settings).await.status, StatusCode::OK);
    assert_eq!(ask("Cloud.Example:443").await.status, StatusCode::OK);
    for wrong in ["http://cloud.example", "cloud.example:80", "Cloud.example", ""] {
        let settings = json!({ "names": [wrong] });
        app.json("PATCH", "/system/settings", settings).await.is_problem(422, "refused");
    }
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let app = App::signed_in().await;
    app.get("/nothing/here").await.is_problem(404, "no-such-route");
    let answer = app.json("PUT", "/apps", json!({})).await;
    answer.is_problem(405, "method-not-allowed");
    assert!(answer.header("allow").contains("POST"), "{answer:?}");
    app.get("/apps/..%2Fetc").await.is_problem(404, "invalid-path");
    app.get("/generations/minus-one").await.is_problem(404, "invalid-path");
    app.get("/generations/7").await.is_problem(404, "no-such-generation");
    app.get("/apps/gone").await.is_problem(404, "no-such-app");
    app.get("/apps/gone/logs?tail=many").await.is_problem(400, "invalid-query");
    app.get("/store/packages?categroy=rss").await.is_problem(400, "invalid-query");
    app.get("/store/packages/gone/gone").await.is_problem(404, "no-such-store");
    app.post("/stores/gone/refresh", json!({})).await.is_problem(404, "no-such-store");

    let send = async |kind: &str, body: Vec<u8>| {
        let request = request("POST", "/apps").header("content-type", kind);
        app.send(request.body(Body::from(body)).unwrap()).await
    };
    send("application/json", b"{\"store\": ".to_vec()).await.is_problem(400, "invalid-body");
    send("application/json", b"{\"store\": \"\xff\"}".to_vec()).await.is_problem(400, "invalid-body");
    send("application/json", b"{\"store\": \"hearth\"}".to_vec()).await.is_problem(422, "invalid-body");
    send("application/json", b"{\"store\": \"../x\", \"package\": \"y\"}".to_vec())
        .await
        .is_problem(422, "invalid-body");
    send("text/plain", b"{}".to_vec()).await.is_problem(415, "not-json");
    send("application/json", vec![b' '; 1024 * 1024 + 1]).await.is_problem(413, "body-too-large");
}

#[tokio::test]
async fn answers_are_private_and_compressed_where_it_helps() {
    let app = App::signed_in().await;
    let document = request("GET", "/openapi.json").header("accept-encoding", "br");
    let answer = app.send(document.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("content-encoding"), "br");
    assert!(answer.body.len() < 20_000, "{} bytes", answer.body.len());
    let answer = app.get("/system").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn events_begin_with_what_is_and_end_with_the_service() {
    let app = App::signed_in().await;
    let response = app.respond(request("GET", "/events").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    let mut text = String::new();
    while !text.contains("event: generation") {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.contains("event: engine\ndata: {\"event\":\"engine\""), "{text}");
    app.stop();
    let ended = tokio::time::timeout(Duration::from_secs(5), async { while body.next().await.is_some() {} });
    ended.await.expect("the stream ends with the service");
}

#[tokio::test]
async fn the_document_is_exported_as_json_and_as_yaml() {
    let app = App::signed_in().await;
    let answer = app.get("/desired").await;
    assert_eq!(answer.header("etag"), "\"0\"");
    assert_eq!(answer.json()["hearth"], 1);
    let yaml = request("GET", "/desired").header("accept", "application/yaml");
    let yaml = app.send(yaml.body(Body::empty()).unwrap()).await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert!(std::str::from_utf8(&yaml.body).unwrap().contains("hearth: 1\n"), "{yaml:?}");
}

#[tokio::test]
async fn an_export_leaves_secrets_to_the_box_and_applying_it_changes_nothing() {
    let app = App::signed_in().await;
    let location = "https://ada:hunter2@git.invalid/apps.git";
    let store = json!({ "name": "Mine", "location": location });
    let mut desired = app.get("/desired").await.json();
    desired["stores"]["mine"] = store;
    let answer = app.json("PUT", "/desired", json!({ "desired": desired })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));

    let exported = app.get("/desired").await;
    let text = String::from_utf8_lossy(&exported.body).into_owned();
    assert!(!text.contains("hunter2"), "{text}");
    let exported = exported.json();
    assert_eq!(exported["stores"]["mine"]["location"], "https://git.invalid/apps.git");
    assert_eq!(exported["stored"]["stores"], json!(["mine"]));
    let plan = app.post("/plan", json!({ "desired": exported })).await.json();
    assert_eq!(plan["changes"], json!([]), "{plan}");
    assert_eq!(app.json("PUT", "/desired", json!({ "desired": exported })).await.json()["generation"], 1);
    // A plan names addresses, of before and of then.
    let mut moved = exported.clone();
    moved["stores"]["mine"]["location"] = json!("https://eve:hunter3@git.invalid/other.git");
    moved["stored"] = json!({});
    let plan =
        String::from_utf8_lossy(&app.post("/plan", json!({ "desired": moved })).await.body).into_owned();
    assert!(plan.contains("git.invalid/other.git") && plan.contains("git.invalid/apps.git"), "{plan}");
    assert!(!plan.contains("hunter"), "{plan}");
    moved["stores"]["mine"]["location"] = json!("https://ada:hunter3@git.invalid/apps.git");
    let plan = app.post("/plan", json!({ "desired": moved })).await.json();
    assert_eq!(plan["changes"], json!(["Change the password for the store Mine."]));

    let whole = app.get("/desired?secrets=true").await.json();
    assert_eq!((&whole["stores"]["mine"]["location"], whole.get("stored")), (&json!(location), None));
    assert_eq!(app.json("PUT", "/desired", json!({ "desired": whole })).await.json()["generation"], 1);
    let generation = app.get("/generations/1").await;
    assert!(!String::from_utf8_lossy(&generation.body).contains("hunter2"), "{generation:?}");

    let mut elsewhere = exported.clone();
    elsewhere["stores"]["mine"]["location"] = json!("https://evil.invalid/apps.git");
    app.json("PUT", "/desired", json!({ "desired": elsewhere })).await.is_problem(422, "refused");
    elsewhere["stored"] = json!({ "settings": { "wordpress": ["ADMIN_PASSWORD"] } });
    app.json("PUT", "/desired", json!({ "desired": elsewhere })).await.is_problem(422, "refused");
}

#[tokio::test]
async fn a_system_that_hearth_did_not_install_is_not_said_to_be_updated_by_it() {
    let app = App::signed_in().await;
    let status = app.get("/os").await.json();
    assert_eq!((&status["managed"], &status["version"]), (&json!(false), &Value::Null), "{status}");
    assert!(status["note"].as_str().unwrap().contains("does not update it"), "{status}");
    assert_eq!(app.get("/system").await.json()["os_managed"], false);
    let back = json!({ "version": "1.0.0" });
    for (path, body) in [("check", json!({})), ("update", json!({})), ("cancel", json!({})), ("back", back)] {
        app.post(&format!("/os/{path}"), body).await.is_problem(409, "conflict");
    }
    app.json("PUT", "/os/settings", json!({ "channel": "beta" })).await.is_problem(409, "conflict");
}
