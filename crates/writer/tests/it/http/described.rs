//! The description, held against the routes.

use http::StatusCode;
use serde_json::Value;

use super::site::{Site, request, send, site};

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

#[tokio::test]
async fn described_methods_are_routed_and_no_others() {
    let site = site().await;
    let description = description(&site).await;
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.contains_key("/create"), "{paths:?}");
    for (path, described) in paths {
        let target = path.replace("{collection}", "things").replace("{id}", "a");
        // There `import` is an id as well, for all methods but one.
        let is_import = path.ends_with("/import");
        for method in METHODS {
            let answer = send(
                &site.public,
                request(&method.to_uppercase(), &target, &[], ""),
            )
            .await;
            let is_routed = answer.status() != StatusCode::METHOD_NOT_ALLOWED;
            let is_described = described.get(method).is_some() || is_import && method != "patch";
            assert_eq!(is_routed, is_described, "{method} {path}");
            let content = String::from_utf8_lossy(answer.content());
            assert!(!content.contains("no-such-route"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_refusal_of_a_write_is_described() {
    let site = site().await;
    let description = description(&site).await;
    let described = &description["paths"]["/v1/{collection}/{id}"]["put"]["responses"];
    let json = ("content-type", "application/json");
    for (fields, content) in [
        (&[json][..], "{"),
        (&[json], "[]"),
        (&[], "{}"),
        (&[json, ("if-match", "*")], "{}"),
        (&[json, ("if-match", "nothing")], "{}"),
    ] {
        let answer = send(
            &site.public,
            request("PUT", "/v1/things/a", fields, content),
        )
        .await;
        let status = answer.status();
        assert!(status.is_client_error(), "{status}");
        assert!(described[status.as_str()].is_object(), "{status}");
    }
}

#[tokio::test]
async fn the_page_of_the_description_loads_its_own_files_alone() {
    let site = site().await;
    let page = site.get("/docs/").await;
    assert_eq!(page.status(), StatusCode::OK);
    let html = String::from_utf8_lossy(page.content());
    let links: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|start| html.split(start).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(links.len() > 4, "{links:?}");
    for link in links {
        let file = link.strip_prefix("./").unwrap_or(link);
        assert!(!file.contains(':'), "{link}");
        let answer = site.get(&format!("/docs/{file}")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{link}");
    }
    for none in ["/docs/none", "/docs/%ff", "/docs/%2e%2e/Cargo.toml"] {
        site.get(none).await.check_problem(404, "no-such-route");
    }
}

async fn description(site: &Site) -> Value {
    let answer = site.get("/openapi.json").await;
    assert_eq!(answer.field("content-type"), "application/json");
    serde_json::from_slice(answer.content()).unwrap()
}
