//! Arguments that several tasks take.

/// Reads a URL whose path requests are added to.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    if url.scheme() != "http" {
        return Err("only http:// is spoken; TLS ends before Pressrun".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Reads a collection's name.
pub(crate) fn collection(text: &str) -> Result<String, String> {
    check_collection(text).map(|()| text.to_owned())
}

/// Whether a collection can have this name.
pub(crate) fn check_collection(name: &str) -> Result<(), String> {
    match shared::ResourceKey::parse(name, "any") {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
