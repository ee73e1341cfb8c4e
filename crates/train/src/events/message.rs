//! The protobuf fields of TensorBoard's `Event` that scalars need.
//!
//! From TensorFlow's `event.proto` and `summary.proto`:
//!
//! ```text
//! Event      { double wall_time = 1; int64 step = 2; string file_version = 3;
//!              Summary summary = 5; SessionLog session_log = 7; }
//! Summary    { repeated Value value = 1; }
//! Value      { string tag = 1; float simple_value = 2; }
//! SessionLog { SessionStatus status = 1; }      // START = 1
//! ```

/// How a field's value is written.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

/// `Event { wall_time, file_version: "brain.Event:2" }`: the first of every file.
pub(super) fn file_version(wall_time: f64) -> Vec<u8> {
    let mut event = event(wall_time, 0);
    bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// `Event { wall_time, step, session_log: { status: START } }`: readers let go of what earlier
/// files have of this step and later ones.
pub(super) fn session_start(wall_time: f64, step: u64) -> Vec<u8> {
    let mut log = Vec::new();
    key(&mut log, 1, VARINT);
    varint(&mut log, 1);
    let mut event = event(wall_time, step);
    bytes(&mut event, 7, &log);
    event
}

/// `Event { wall_time, step, summary: { value: [{ tag, simple_value }, …] } }`.
pub(super) fn scalars(wall_time: f64, step: u64, values: &[(String, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in values {
        let mut message = Vec::new();
        bytes(&mut message, 1, tag.as_bytes());
        key(&mut message, 2, FIXED_32);
        message.extend_from_slice(&(*value as f32).to_le_bytes());
        bytes(&mut summary, 1, &message);
    }
    let mut event = event(wall_time, step);
    bytes(&mut event, 5, &summary);
    event
}

/// The two fields that each has; a step of 0 is left out, as proto3 does with zeros.
fn event(wall_time: f64, step: u64) -> Vec<u8> {
    let mut out = Vec::new();
    key(&mut out, 1, FIXED_64);
    out.extend_from_slice(&wall_time.to_le_bytes());
    if step > 0 {
        key(&mut out, 2, VARINT);
        varint(&mut out, step);
    }
    out
}

fn key(out: &mut Vec<u8>, field: u64, kind: u64) {
    varint(out, (field << 3) | kind);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Seven bits a byte, the low ones first; the high bit says that more follow.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_protobufs() {
        // The two examples of protobuf's encoding guide, and the largest.
        for (value, expected) in [
            (1, vec![0x01]),
            (150, vec![0x96, 0x01]),
            (u64::MAX, [vec![0xff; 9], vec![0x01]].concat()),
        ] {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out, expected);
        }
    }
}
