//! The command `framework axum|hyper ADDRESS REDIS_URL`: the reader's catalog, followed from the same
//! bus, and the reader's answers, but behind a framework.
//!
//! `axum` is a router with one route, as a service would have it; `hyper` calls the data plane from
//! a connection of hyper without a router. Both run on one current-thread runtime, have no limits
//! and no timeouts, and set `TCP_NODELAY`, as the reader does. The feed is followed on a thread of its own.

use std::{convert::Infallible, env, io, io::Write, process::ExitCode, sync::Arc, thread};

use axum::{
    Router,
    extract::{Request, State},
    routing::get,
    serve::ListenerExt,
};
use bus::RedisBus;
use http::HeaderValue;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use reader::{
    catalog::{CatalogConfig, CatalogWriter, catalog},
    fetch,
    follow::{Following, follow},
    http::{DataResponse, data::DataPlane},
    reached::reached,
    replica::Timing,
    status::{Progress, StatusCell},
};
use tokio::{net::TcpListener, runtime};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let served = match &arguments[..] {
        [framework, listen, redis] => run(framework, listen, redis),
        _ => Err("usage: framework axum|hyper ADDRESS REDIS_URL".into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody listening to the complaint is no reason to do anything else.
            drop(writeln!(io::stderr(), "framework: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(framework: &str, listen: &str, redis: &str) -> Result<(), BoxError> {
    let (reading, writing) = catalog(CatalogConfig { bytes_max: None });
    let plane = DataPlane::new(
        reading,
        HeaderValue::from_static("no-cache"),
        Arc::new(|| false),
        Arc::default(),
    );
    let bus = RedisBus::open(redis, RedisBus::NAMESPACE)?;
    thread::Builder::new()
        .name("follow".to_owned())
        .spawn(move || following(bus, writing))?;
    let runtime = current_thread()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        match framework {
            "axum" => with_axum(listener, plane).await,
            "hyper" => with_hyper(listener, plane).await,
            other => Err(format!("there is no {other} here").into()),
        }
    })
}

fn following(bus: RedisBus, catalog: CatalogWriter) -> io::Result<()> {
    const READER: &str = "framework";
    let status = StatusCell::new(
        READER,
        catalog.catalog().clone(),
        Progress::new("connecting", "redis"),
    );
    current_thread()?.block_on(follow(Following {
        bus: Arc::new(bus),
        catalog,
        asked: fetch::Asked::nothing(),
        status,
        reaching: reached().0,
        source: "redis",
        writer: None,
        reader: READER.to_owned(),
        timing: Timing::DEFAULT,
        seed: fastrand::u64(..),
    }));
    Ok(())
}

fn current_thread() -> io::Result<runtime::Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
}

async fn with_axum(listener: TcpListener, plane: DataPlane) -> Result<(), BoxError> {
    let router = Router::new()
        .route("/post", get(read))
        .route("/health", get(read))
        .with_state(plane);
    let listener = listener.tap_io(|stream| {
        // A connection that has ended already is noticed by its first read.
        drop(stream.set_nodelay(true));
    });
    Ok(axum::serve(listener, router).await?)
}

async fn read(State(plane): State<DataPlane>, request: Request) -> DataResponse {
    plane.answer(request.method(), request.uri(), request.headers())
}

async fn with_hyper(listener: TcpListener, plane: DataPlane) -> Result<(), BoxError> {
    let plane = Arc::new(plane);
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let plane = Arc::clone(&plane);
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let answer = plane.answer(request.method(), request.uri(), request.headers());
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                // The stronger baseline: several answers to pipelined requests in one write.
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is no concern of a yardstick.
            drop(connection.await);
        });
    }
}
