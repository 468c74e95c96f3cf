use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures::StreamExt as _;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

/// An HTTP answer, before anything goes wrong with it.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) code: u16,
    content_type: String,
    retry_after: Option<u32>,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn new(code: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Reply {
            code,
            content_type: content_type.into(),
            retry_after: None,
            body: body.into(),
        }
    }

    pub(super) fn json(code: u16, value: &Value) -> Self {
        Reply::new(code, "application/json", value.to_string() + "\n")
    }

    /// A `Status` with its own code.
    pub(super) fn status(status: &Value) -> Self {
        let code = status["code"].as_u64().and_then(|c| u16::try_from(c).ok());
        Reply::json(code.unwrap_or(500), status)
    }

    /// What the server says to a path that no group or resource of it has.
    pub(super) fn page_not_found() -> Self {
        Reply::new(404, "text/plain; charset=utf-8", "404 page not found\n")
    }

    pub(super) fn html(code: u16) -> Self {
        let title = StatusCode::from_u16(code)
            .ok()
            .and_then(|c| c.canonical_reason())
            .unwrap_or("Error");
        let body = format!(
            "<html>\r\n<head><title>{code} {title}</title></head>\r\n<body>\r\n<center><h1>{code} {title}</h1></center>\r\n\
             <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        Reply::new(code, "text/html", body)
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// `cut`: the connection breaks after so many bytes of the body.
    pub(super) fn send(self, cut: Option<usize>) -> Response {
        let length = self.body.len();
        let bytes = Bytes::from(self.body);
        let body = match cut {
            Some(after) => {
                let part = bytes.slice(..after.min(length));
                let broken = || std::io::Error::other("cut by the script");
                let first = futures::stream::iter([Ok(part)]);
                // Time for the first part to leave.
                let rest = futures::stream::once(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    Err::<Bytes, _>(broken())
                });
                Body::from_stream(first.chain(rest))
            }
            None => Body::from(bytes),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_str(&self.content_type);
        headers.insert(
            header::CONTENT_TYPE,
            content_type.unwrap_or(HeaderValue::from_static("text/plain")),
        );
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
