//! TensorBoard's event files, written by hand: a frame, two checksums and a few protobuf fields.
//!
//! | file | what it does |
//! |---|---|
//! | `record` | TFRecord framing with masked CRC-32C |
//! | `message` | the fields of `Event`, `Summary` and `SessionLog` that scalars need |
//! | `writer` | a file per session, its name, and the restart mark |

mod message;
mod record;
mod writer;

pub use writer::EventWriter;

#[cfg(test)]
mod tests {
    //! Records written down from `event.proto` and `record_writer.cc`. Their checksums come from
    //! a bit-by-bit CRC-32C in another language; the first twelve bytes are those that every event
    //! file of TensorFlow's begins with.

    use super::{message, record};

    /// Length and its checksum, then field 1 of `Event`, the double 1.5.
    const fn head(length: u8, crc: [u8; 4]) -> [u8; 21] {
        let [a, b, c, d] = crc;
        let time = [0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f];
        let mut out = [
            length, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let mut i = 0;
        while i < 9 {
            out[12 + i] = time[i];
            i += 1;
        }
        out
    }

    fn framed(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        record::append(&mut out, data);
        out
    }

    #[test]
    fn the_first_record_is_tensorflows() {
        let mut expected = head(24, [0xa3, 0x7f, 0x4b, 0x22]).to_vec();
        // Field 3, a string of 13 bytes.
        expected.extend_from_slice(b"\x1a\x0dbrain.Event:2");
        expected.extend_from_slice(&[42, 40, 100, 108]);
        assert_eq!(framed(&message::file_version(1.5)), expected);
    }

    #[test]
    fn a_restart_names_the_step_it_goes_on_with() {
        let mut expected = head(16, [149, 251, 254, 24]).to_vec();
        // Field 2, the varint 301; field 7, a message of 2 bytes: its field 1, the varint 1.
        expected.extend_from_slice(&[0x10, 0xad, 0x02, 0x3a, 2, 0x08, 1]);
        expected.extend_from_slice(&[209, 121, 73, 212]);
        assert_eq!(framed(&message::session_start(1.5, 301)), expected);
    }

    #[test]
    fn two_scalars_share_an_event() {
        let mut expected = head(43, [134, 27, 195, 75]).to_vec();
        // Field 2, 301; field 5, a message of 29 bytes with field 1 twice: field 1, the tag, and
        // field 2, an f32 (-2.5, and 0.1 rounded).
        expected.extend_from_slice(&[0x10, 0xad, 0x02, 0x2a, 29]);
        expected.extend_from_slice(b"\x0a\x11\x0a\x0atrain/loss\x15\x00\x00\x20\xc0");
        expected.extend_from_slice(b"\x0a\x08\x0a\x01x\x15\xcd\xcc\xcc\x3d");
        expected.extend_from_slice(&[43, 24, 13, 252]);
        let values = [("train/loss".to_owned(), -2.5), ("x".to_owned(), 0.1)];
        assert_eq!(framed(&message::scalars(1.5, 301, &values)), expected);
    }
}
