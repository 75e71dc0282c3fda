//! Sessions, errors and streams.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::harness::{App, PASSWORD, credentials, request};

#[tokio::test]
async fn the_first_owner_signs_up_and_stays_signed_in() {
    let mut app = App::new().await;
    assert_eq!(app.get("/session").await.json(), json!({ "state": "needs_setup" }));

    let answer = app.post("/setup", credentials("ada", "short")).await;
    answer.is_problem(422, "invalid-fields");
    assert_eq!(answer.json()["fields"][0]["field"], "password");

    let answer = app.post("/setup", credentials("ada", PASSWORD)).await;
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
    app.post("/setup", credentials("eve", PASSWORD)).await.is_problem(409, "already-set-up");
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
async fn guessing_ends_with_a_time_to_wait() {
    let app = App::signed_in().await;
    let guesser = app.other_browser();
    for _ in 0..10 {
        guesser.post("/session", credentials("ada", "guess")).await.is_problem(401, "wrong-credentials");
    }
    let answer = guesser.post("/session", credentials("ada", PASSWORD)).await;
    answer.is_problem(429, "too-many-attempts");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 11, "{answer:?}");
    // Somebody at another address is not kept out.
    assert_eq!(app.post("/session", credentials("ada", PASSWORD)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_but_the_open_routes_answers_without_a_session() {
    let app = App::signed_in().await.other_browser();
    let document = app.get("/openapi.json").await.json();
    let open = [("post", "/setup"), ("get", "/session"), ("post", "/session"), ("delete", "/session")];
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
async fn the_cookie_that_pages_of_apps_are_given_changes_nothing_and_reads_little() {
    let app = App::signed_in().await;
    let mut stolen = app.other_browser();
    stolen.cookie.clone_from(&app.cookie);
    for path in ["/apps", "/desired", "/system", "/generations", "/stores"] {
        stolen.get(path).await.is_problem(401, "signed-out");
    }
    let change = json!({ "current": PASSWORD, "new": "a better password" });
    stolen.json("PUT", "/session/password", change).await.is_problem(401, "signed-out");
    assert_eq!(stolen.get("/session").await.json(), json!({ "state": "signed_out" }));
    // What a browser asks for by itself it cannot give the key to.
    let request = request("GET", "/events").body(Body::empty()).unwrap();
    assert_eq!(stolen.respond(request).await.status(), StatusCode::OK);
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
    from("origin", "http://hearth.local:8081").await.is_problem(403, "cross-site");
    from("origin", "http://hearth.local").await.is_problem(404, "no-such-app");
    from("sec-fetch-site", "same-origin").await.is_problem(404, "no-such-app");
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
