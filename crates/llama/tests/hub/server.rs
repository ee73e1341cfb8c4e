//! The part of the Hugging Face Hub that serves files, on loopback.
//!
//! As there: a file lies at `/ORG/NAME/resolve/REVISION/FILE` with its commit
//! and etag; a small one is answered, after a relative redirect, by the same
//! host, a large one by a redirect to another host, the CDN.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request, as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    pub authorization: Option<String>,
    /// The first byte asked for.
    pub start: usize,
    /// Whether only the size is asked for: bytes 0 to 0.
    pub probe: bool,
}

/// What is served; tests change it between two fetches.
#[derive(Debug, Default)]
pub struct State {
    /// Revision to commit.
    pub commits: BTreeMap<String, String>,
    /// Commit and file name to content.
    pub files: BTreeMap<(String, String), Vec<u8>>,
    /// The status for a request without this token.
    pub guard: Option<(u16, String)>,
    /// Break off the next bodies of a file after so many bytes.
    pub cuts: Vec<(String, usize)>,
    /// Answer the next requests with a status.
    pub statuses: Vec<u16>,
    /// The revision `main` becomes another commit when this file was answered.
    pub move_main: Option<(String, String)>,
    pub requests: Vec<Request>,
}

/// A server of one repository, `org/name`, until it is dropped.
pub struct Server {
    pub endpoint: String,
    pub state: Arc<Mutex<State>>,
    address: std::net::SocketAddr,
    stop: Arc<std::sync::atomic::AtomicBool>,
}

/// Files above this go by way of the CDN.
const LARGE: usize = 10_000;

impl Server {
    pub fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(state));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(std::sync::atomic::Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client that hangs up is the client's affair.
                thread::spawn(move || answer(&stream.unwrap(), &shared, address.port()));
            }
        });
        Self {
            endpoint: format!("http://127.0.0.1:{}", address.port()),
            state,
            address,
            stop,
        }
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        // Wakes the listener, which then closes.
        let _ = TcpStream::connect(self.address);
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut request = Request {
        path: first.split(' ').nth(1)?.to_owned(),
        authorization: None,
        start: 0,
        probe: false,
    };
    loop {
        let line = lines.next()?.ok()?;
        let Some((name, value)) = line.split_once(": ") else {
            return Some(request);
        };
        match name.to_lowercase().as_str() {
            "authorization" => request.authorization = Some(value.to_owned()),
            "range" => {
                let (start, end) = value.strip_prefix("bytes=")?.split_once('-')?;
                request.start = start.parse().ok()?;
                request.probe = (start, end) == ("0", "0");
            }
            _ => {}
        }
    }
}

fn answer(stream: &TcpStream, state: &Mutex<State>, port: u16) -> Option<()> {
    let request = read(stream)?;
    let mut state = state.lock().unwrap();
    state.requests.push(request.clone());
    if let Some(status) = state.statuses.pop() {
        return send(stream, status, &[], b"");
    }
    let cdn = request.path.strip_prefix("/cdn/");
    if let (None, Some((status, token))) = (cdn, &state.guard)
        && request.authorization != Some(format!("Bearer {token}"))
    {
        return send(stream, *status, &[], b"");
    }
    let path = request.path.trim_start_matches('/');
    let resolved = path.strip_prefix("org/name/resolve/");
    let placed = path.strip_prefix("cdn/").or(path.strip_prefix("cache/"));
    let direct = placed.is_some();
    let (place, file) = resolved.or(placed)?.split_once('/')?;
    let commit = match direct {
        true => Some(place.to_owned()),
        false => state.commits.get(&place.replace("%2F", "/")).cloned(),
    };
    let key = (commit.unwrap_or_default(), file.to_owned());
    let Some(content) = state.files.get(&key).cloned() else {
        return send(stream, 404, &[], b"");
    };
    let (commit, file) = key;
    let hash = content
        .iter()
        .fold(7u64, |h, &b| h * 31 % 1_000_003 + u64::from(b));
    let etag = format!("\"{hash:x}-{}\"", content.len());
    let identity = [("x-repo-commit", commit.clone()), ("etag", etag.clone())];
    if !direct {
        if let Some((_, next)) = state.move_main.take_if(|(after, _)| *after == file) {
            state.commits.insert("main".into(), next);
        }
        // Another host of the same machine stands for the CDN.
        let (place, linked) = if content.len() > LARGE {
            (format!("http://localhost:{port}/cdn/{commit}/{file}"), true)
        } else {
            (format!("/cache/{commit}/{file}"), false)
        };
        let mut headers = vec![("location", place)];
        headers.extend(identity);
        if linked {
            headers.push(("x-linked-etag", etag));
        }
        return send(stream, 302, &headers, b"");
    }
    let total = content.len();
    if request.start >= total {
        return send(stream, 416, &[], b"");
    }
    let end = if request.probe { 1 } else { total };
    let range = format!("bytes {}-{}/{total}", request.start, end - 1);
    let mut headers = vec![("content-range", range)];
    headers.extend(identity);
    let body = &content[request.start..end];
    let cut = state
        .cuts
        .iter()
        .position(|(name, _)| *name == file && !request.probe);
    let sent = match cut.map(|at| state.cuts.remove(at).1) {
        Some(bytes) => &body[..bytes.min(body.len())],
        None => body,
    };
    drop(state);
    send_part(stream, 206, &headers, body.len(), sent)
}

fn send(stream: &TcpStream, status: u16, headers: &[(&str, String)], body: &[u8]) -> Option<()> {
    send_part(stream, status, headers, body.len(), body)
}

/// Announces `length` bytes and sends `body`.
fn send_part(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&str, String)],
    length: usize,
    body: &[u8],
) -> Option<()> {
    let mut text =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).ok()?;
    stream.write_all(body).ok()
}
