//! Doors to the API server that are ill, on this machine's loopback. They are shut when they are dropped.

use crate::{Result, plan::CONTROL_ADDRESS, state};
use axum::{Router, body::Body, extract::State, response::IntoResponse};
use http::{Request, Response, StatusCode};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

/// How a door is ill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ill {
    /// Every third answer is 429.
    TooMany,
    /// Every third answer is 503.
    Unavailable,
    /// Each connection ends after 200 kB, whatever it carries.
    Cuts,
}

/// An open door; its tasks end with it.
pub struct Door {
    pub server: String,
    _runtime: Runtime,
}

pub fn open(ill: Ill) -> Result<Door> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let port = listener.local_addr()?.port();
    let server = match ill {
        Ill::Cuts => {
            runtime.spawn(cutting(listener));
            format!("https://127.0.0.1:{port}")
        }
        Ill::TooMany | Ill::Unavailable => {
            let file = Kubeconfig::read_from(state::path("pki/probe.kubeconfig"))?;
            let client = runtime.block_on(async {
                let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
                Ok::<_, crate::Error>(Client::try_from(config)?)
            })?;
            let refusing = Refusing {
                ill,
                client,
                count: Arc::default(),
            };
            runtime
                .spawn(async move { axum::serve(listener, Router::new().fallback(pass).with_state(refusing)).await });
            format!("http://127.0.0.1:{port}")
        }
    };
    Ok(Door {
        server,
        _runtime: runtime,
    })
}

#[derive(Clone)]
struct Refusing {
    ill: Ill,
    client: Client,
    count: Arc<AtomicUsize>,
}

async fn pass(State(door): State<Refusing>, request: Request<Body>) -> Response<Body> {
    if door.count.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
        let code = if door.ill == Ill::TooMany {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        return (code, [("retry-after", "1")], "the door is ill").into_response();
    }
    let (mut parts, _) = request.into_parts();
    parts.headers.remove("authorization");
    parts.headers.remove("host");
    match door
        .client
        .send(Request::from_parts(parts, kube::client::Body::empty()))
        .await
    {
        Ok(answer) => answer.map(Body::new),
        Err(e) => (StatusCode::BAD_GATEWAY, e.to_string()).into_response(),
    }
}

async fn cutting(listener: TcpListener) {
    while let Ok((mut near, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut far = TcpStream::connect((CONTROL_ADDRESS, 6443)).await?;
            let (mut read, mut write) = far.split();
            let (mut from, mut to) = near.split();
            let back = async {
                let mut left = 200_000;
                let mut chunk = vec![0; 16 << 10];
                while left > 0 {
                    let n = read.read(&mut chunk).await?;
                    if n == 0 {
                        break;
                    }
                    to.write_all(chunk.get(..n).unwrap_or_default()).await?;
                    left -= n.min(left);
                }
                Ok::<_, std::io::Error>(())
            };
            tokio::select! {
                _ = back => {}
                _ = tokio::io::copy(&mut from, &mut write) => {}
            }
            Ok::<_, std::io::Error>(())
        });
    }
}
