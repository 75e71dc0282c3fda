use http_body_util::BodyExt;

use super::*;

fn dashboard() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    for (name, content) in [
        ("index.html", "<p>page"),
        ("index.html.br", "page as brotli"),
        ("assets/app-0123456789abcdef.js", "plain"),
        ("assets/app-0123456789abcdef.js.br", "as brotli"),
        ("assets/app-0123456789abcdef.js.gz", "as gzip"),
        ("favicon.svg", "<svg/>"),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(folder: Option<&Path>, method: &str, path: &str, accept_encoding: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("accept-encoding", accept_encoding);
    let router = router(folder.map(Path::to_owned));
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

#[tokio::test]
async fn hashed_files_are_kept_for_a_year_and_come_compressed() {
    let folder = dashboard();
    for (accepted, encoding, body) in
        [("br, gzip", "br", "as brotli"), ("gzip", "gzip", "as gzip"), ("", "", "plain")]
    {
        let answer = ask(Some(folder.path()), "GET", "/assets/app-0123456789abcdef.js", accepted).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-encoding"), encoding);
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(answer.header("content-type"), "text/javascript");
        assert_eq!(answer.body, body);
    }
}

#[tokio::test]
async fn every_page_is_the_one_page_and_is_asked_for_again() {
    let folder = dashboard();
    for path in ["/", "/apps/wordpress", "/store", "/store/x/a.b", "/index.html"] {
        let answer = ask(Some(folder.path()), "GET", path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "<p>page"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert_eq!(answer.header("content-type"), "text/html");
        assert!(answer.header("content-security-policy").contains("script-src 'self' 'wasm-unsafe-eval'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let compressed = ask(Some(folder.path()), "GET", "/store", "br").await;
    assert_eq!(compressed.header("content-encoding"), "br");
    let head = ask(Some(folder.path()), "HEAD", "/", "").await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn a_missing_file_is_no_page_and_nothing_outside_is_served() {
    let folder = dashboard();
    std::fs::write(folder.path().parent().unwrap().join("secret.txt"), "secret").unwrap();
    assert_eq!(ask(Some(folder.path()), "GET", "/assets/gone-00.js", "").await.status, StatusCode::NOT_FOUND);
    for path in [
        "/assets/gone-00.js",
        "/gone.svg",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
    ] {
        let answer = ask(Some(folder.path()), "GET", path, "").await;
        let page = answer.status == StatusCode::OK && answer.body == "<p>page";
        assert!(page || answer.status == StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.header("cache-control").contains("immutable"), "{path}");
        assert!(!answer.body.contains("secret"), "{path}");
    }
    let answer = ask(Some(folder.path()), "POST", "/store", "").await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
}

#[tokio::test]
async fn without_its_files_the_page_says_how_to_build_them() {
    let empty = tempfile::tempdir().unwrap();
    for folder in [None, Some(empty.path())] {
        let answer = ask(folder, "GET", "/", "").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.body.contains("make run"), "{}", answer.body);
    }
}
