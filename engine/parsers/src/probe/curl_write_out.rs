//! `curl -w`: one request in numbers.

use crate::ParseError;
use crate::text::{clean, json, json_word};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What curl measured. Times run from the start of the request; a phase that was not reached is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CurlWriteOut {
    /// curl's exit code: 0 fine, 6 name not resolved, 7 not connected, 28 timed out, 52 empty reply, 56 reset.
    pub exit_code: Option<u32>,
    pub error: Option<String>,
    pub http_code: Option<u32>,
    pub time_namelookup_s: Option<f64>,
    pub time_connect_s: Option<f64>,
    /// TLS handshake done.
    pub time_appconnect_s: Option<f64>,
    pub time_pretransfer_s: Option<f64>,
    /// First byte of the answer.
    pub time_starttransfer_s: Option<f64>,
    pub time_total_s: Option<f64>,
    pub size_download_bytes: Option<u64>,
    pub size_upload_bytes: Option<u64>,
    /// Bytes per second.
    pub speed_download_bytes: Option<f64>,
    pub speed_upload_bytes: Option<f64>,
    pub remote_ip: Option<String>,
    pub remote_port: Option<u32>,
    pub local_ip: Option<String>,
    pub local_port: Option<u32>,
    /// What else was asked for, by curl's own names.
    pub other: BTreeMap<String, String>,
}

/// Reads the object that `curl -w '{"time_total":%{time_total},...}'` or `curl -w '%{json}'` prints.
///
/// Shape: [`CurlWriteOut`]; times in seconds, sizes in bytes. curl writes the codes of answers that never came as `000`,
/// which is no JSON number: it gives `None`.
pub fn parse(text: &str) -> Result<CurlWriteOut, ParseError> {
    let text = clean(text);
    let mut text = text.into_owned();
    for code in ["http_code", "response_code", "http_connect"] {
        text = text.replace(&format!("\"{code}\":000"), &format!("\"{code}\":0"));
    }
    let mut raw: Map<String, Value> = json(&text, "one object of `curl -w`")?;
    let mut take = Taken { raw: &mut raw };
    let mut found = CurlWriteOut {
        exit_code: take.whole("exitcode")?,
        error: take.word("errormsg"),
        http_code: take.whole("http_code")?.filter(|code| *code != 0),
        time_namelookup_s: take.time("time_namelookup")?,
        time_connect_s: take.time("time_connect")?,
        time_appconnect_s: take.time("time_appconnect")?,
        time_pretransfer_s: take.time("time_pretransfer")?,
        time_starttransfer_s: take.time("time_starttransfer")?,
        time_total_s: take.number("time_total")?,
        size_download_bytes: take.whole("size_download")?,
        size_upload_bytes: take.whole("size_upload")?,
        speed_download_bytes: take.number("speed_download")?,
        speed_upload_bytes: take.number("speed_upload")?,
        remote_ip: take.word("remote_ip"),
        remote_port: take.whole("remote_port")?,
        local_ip: take.word("local_ip"),
        local_port: take.whole("local_port")?,
        other: BTreeMap::new(),
    };
    found.other = raw
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), json_word(value)?)))
        .collect();
    Ok(found)
}

struct Taken<'a> {
    raw: &'a mut Map<String, Value>,
}

impl Taken<'_> {
    /// A text; empty is none. Numbers that were quoted are texts too.
    fn word(&mut self, key: &str) -> Option<String> {
        self.raw
            .remove(key)
            .as_ref()
            .and_then(json_word)
            .filter(|word| !word.is_empty())
    }

    fn parsed<T: std::str::FromStr>(&mut self, key: &str, what: &str) -> Result<Option<T>, ParseError> {
        let Some(word) = self.word(key) else { return Ok(None) };
        word.parse()
            .map(Some)
            .map_err(|_| ParseError::new(1, &word, format!("{what} for `{key}`")))
    }

    fn number(&mut self, key: &str) -> Result<Option<f64>, ParseError> {
        Ok(self.parsed::<f64>(key, "a number")?.filter(|n| n.is_finite()))
    }

    /// A phase that was not reached is written as 0.
    fn time(&mut self, key: &str) -> Result<Option<f64>, ParseError> {
        Ok(self.number(key)?.filter(|seconds| *seconds > 0.0))
    }

    fn whole<T: std::str::FromStr>(&mut self, key: &str) -> Result<Option<T>, ParseError> {
        self.parsed(key, "a whole number")
    }
}
