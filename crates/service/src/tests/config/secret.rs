use crate::config::{RedactedUrl, Secret};

#[test]
fn a_secret_is_never_shown() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret:?}"), "***");
    assert_eq!(secret.expose(), "hunter2");
}

#[test]
fn a_url_is_shown_without_what_may_be_secret() {
    for (url, shown) in [
        ("postgres://db:5432/app", "postgres://db:5432/app"),
        ("postgres://me:hunter2@db/app", "postgres://***@db/app"),
        ("postgres://me:hun/ter@2@db/app", "postgres://***@db/app"),
        ("postgres://me:hun?ter#2@db/app", "postgres://***"),
        (
            "postgres://db/app?password=hunter2",
            "postgres://db/app?***",
        ),
        ("postgres://db/app?password=a@b", "postgres://***"),
        ("redis://db/0#hunter2", "redis://db/0?***"),
        ("hunter2", "***"),
    ] {
        let url = RedactedUrl::new(url);
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), shown);
    }
}
