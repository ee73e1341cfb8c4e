//! TFRecord: `u64 length | u32 masked crc of length | bytes | u32 masked crc of bytes`, little-endian.
//!
//! The format of TensorFlow's `core/lib/io/record_writer.cc`.

/// Appends one record.
pub(super) fn append(out: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&masked_crc(&length).to_le_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(&masked_crc(data).to_le_bytes());
}

/// CRC-32C, rotated right by 15 bits and moved by a constant: a checksum over data that hold
/// checksums themselves would be weak otherwise (TensorFlow's `core/lib/hash/crc32c.h`).
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32C bit by bit, from its polynomial 0x1EDC6F41 (reflected 0x82F63B78).
    fn crc_by_bits(data: &[u8]) -> u32 {
        let mut crc = !0u32;
        for &byte in data {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
            }
        }
        !crc
    }

    #[test]
    fn the_checksum_is_the_published_one_and_masked_as_tensorflow_does() {
        // RFC 3720, B.4: 32 bytes of zeros, and of ones.
        assert_eq!(crc_by_bits(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62A8_AB43);
        for data in [b"".as_slice(), b"a", b"brain.Event:2"] {
            let crc = crc_by_bits(data);
            let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
            assert_eq!(masked_crc(data), masked);
        }
    }
}
