//! The part of the Hugging Face Hub that lists and serves the files of one data set, on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is served; tests change it between two fetches.
#[derive(Default)]
pub struct State {
    /// Revision to commit and files.
    pub revisions: BTreeMap<String, (String, BTreeMap<String, Vec<u8>>)>,
    /// The status for a request without this token.
    pub guard: Option<(u16, String)>,
    /// Answer the next requests with a status.
    pub statuses: Vec<u16>,
    /// Break off the next bodies after so many bytes.
    pub cuts: Vec<usize>,
    /// `main` becomes another commit after its next list.
    pub moved: Option<(String, BTreeMap<String, Vec<u8>>)>,
    /// The paths asked for, sizes (`bytes=0-0`) left out, each with the first byte.
    pub requests: Vec<(String, usize)>,
}

/// A server of the data set `owner/name`, until it is dropped.
pub struct Server {
    pub endpoint: String,
    pub state: Arc<Mutex<State>>,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(state));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client that hangs up is the client's affair.
                thread::spawn(move || answer(&stream.unwrap(), &shared));
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
    pub fn requests(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, which then closes.
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let (mut token, mut range) = (None, None);
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_lowercase().as_str() {
            "authorization" => token = Some(value.to_owned()),
            "range" => {
                let (start, end) = value.strip_prefix("bytes=")?.split_once('-')?;
                range = Some((start.parse::<usize>().ok()?, end == "0"));
            }
            _ => {}
        }
    }
    let (start, probe) = range.unwrap_or((0, false));
    let mut state = state.lock().unwrap();
    if !probe {
        state.requests.push((path.clone(), start));
    }
    if let Some(status) = state.statuses.pop() {
        return send(stream, status, &[], 0, b"");
    }
    if let Some((status, right)) = &state.guard
        && token != Some(format!("Bearer {right}"))
    {
        return send(stream, *status, &[], 0, b"");
    }
    let listed = path.strip_prefix("/api/datasets/owner/name/revision/");
    if let Some(revision) = listed {
        let Some((commit, files)) = state.revisions.get(&revision.replace("%2F", "/")) else {
            return send(stream, 404, &[], 0, b"");
        };
        let names = files
            .keys()
            .map(|name| serde_json::json!({ "rfilename": name }));
        let names: Vec<_> = names.collect();
        let body = serde_json::json!({ "siblings": names, "sha": commit }).to_string();
        if let Some(next) = state.moved.take() {
            state.revisions.insert("main".into(), next);
        }
        return send(stream, 200, &[], body.len(), body.as_bytes());
    }
    let (revision, file) = path
        .strip_prefix("/datasets/owner/name/resolve/")?
        .split_once('/')?;
    let found = state.revisions.get(&revision.replace("%2F", "/"));
    let Some((commit, content)) =
        found.and_then(|(commit, files)| Some((commit, files.get(file)?)))
    else {
        return send(stream, 404, &[], 0, b"");
    };
    let total = content.len();
    if start >= total {
        return send(stream, 416, &[], 0, b"");
    }
    let end = if probe { 1 } else { total };
    let headers = [
        ("x-repo-commit", commit.clone()),
        ("etag", format!("\"{commit}-{}\"", file.replace('/', "-"))),
        (
            "content-range",
            format!("bytes {start}-{}/{total}", end - 1),
        ),
    ];
    let body = content[start..end].to_vec();
    let sent = match probe {
        true => body.len(),
        false => state.cuts.pop().unwrap_or(body.len()).min(body.len()),
    };
    drop(state);
    send(stream, 206, &headers, body.len(), &body[..sent])
}

/// Announces `length` bytes and sends `body`.
fn send(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&str, String)],
    length: usize,
    body: &[u8],
) -> Option<()> {
    let mut text =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += "\r\n";
    stream.write_all(text.as_bytes()).ok()?;
    stream.write_all(body).ok()
}
