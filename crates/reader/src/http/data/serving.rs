//! The data plane as a service.

use std::{convert::Infallible, future, sync::Arc};

use axum::body::Body;
use futures_util::future::Either;
use http::{Request, request};
use service::traces;
use telemetry::Origin;
use tower::{Service, service_fn};

use super::{DataPlane, route_template};
use crate::http::{DataResponse, at_least::AT_LEAST};

/// The data plane as a service.
///
/// It answers at once, unless a request bears `Pressrun-At-Least`, is for what is not in memory, or is
/// traced. A router would box each request's future and content, and copy the plane.
pub fn service(
    plane: DataPlane,
) -> impl Service<Request<Body>, Response = DataResponse, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let plane = Arc::new(plane);
    service_fn(move |request: Request<Body>| {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let origin = traces::decide(plane.head, headers);
        if origin.is_none()
            && !headers.contains_key(&AT_LEAST)
            && let Ok(response) = plane.answer_at_once(method, uri, headers)
        {
            return Either::Right(future::ready(Ok(response)));
        }
        let plane = Arc::clone(&plane);
        // Boxed, so that reads that do not wait are not the larger for it.
        Either::Left(Box::pin(async move {
            let response = match origin {
                None => answer_in_time(&plane, &request.into_parts().0).await,
                Some(origin) => answer_traced(&plane, &request.into_parts().0, origin).await,
            };
            Ok(response)
        }))
    })
}

async fn answer_in_time(plane: &DataPlane, request: &request::Parts) -> DataResponse {
    let (method, uri, headers) = (&request.method, &request.uri, &request.headers);
    if headers.contains_key(&AT_LEAST) {
        plane.answer_at_least(method, uri, headers).await
    } else {
        plane.answer_fetching(method, uri, headers).await
    }
}

async fn answer_traced(
    plane: &DataPlane,
    request: &request::Parts,
    origin: Origin,
) -> DataResponse {
    let (method, uri) = (&request.method, &request.uri);
    let route = route_template(uri.path());
    let span = traces::Asked::new(method, uri, request.version, route).begin(origin);
    let response = span.clone().around(answer_in_time(plane, request)).await;
    traces::answered(&span, response.status().as_u16());
    response
}
