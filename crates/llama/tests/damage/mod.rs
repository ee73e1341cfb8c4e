//! Files made by hand, so that any field can be made wrong.

#![allow(dead_code, reason = "every test file uses its own part")]

/// A GGUF file, field by field.
#[derive(Clone)]
pub struct Gguf {
    pub version: u32,
    /// In place of the true counts.
    pub tensor_count: Option<u64>,
    pub value_count: Option<u64>,
    /// Key, type, and the value's bytes.
    pub metadata: Vec<(&'static str, u32, Vec<u8>)>,
    /// Name, sizes (innermost first), type, offset.
    pub tensors: Vec<(&'static str, Vec<u64>, u32, u64)>,
    /// What follows the header, after padding to 32 bytes.
    pub data: usize,
}

impl Gguf {
    /// Two tensors of F32 and Q8_0 in 32-byte places, one text, one number.
    pub fn sound() -> Self {
        Self {
            version: 3,
            tensor_count: None,
            value_count: None,
            metadata: vec![
                ("general.architecture", 8, text("llama")),
                ("llama.block_count", 4, 2u32.to_le_bytes().to_vec()),
            ],
            tensors: vec![("a", vec![4, 2], 0, 0), ("b", vec![32, 1], 8, 32)],
            data: 66,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        let tensors = self.tensors.len() as u64;
        bytes.extend(self.tensor_count.unwrap_or(tensors).to_le_bytes());
        let values = self.metadata.len() as u64;
        bytes.extend(self.value_count.unwrap_or(values).to_le_bytes());
        for (key, kind, value) in &self.metadata {
            bytes.extend(text(key));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(value);
        }
        for (name, sizes, kind, offset) in &self.tensors {
            bytes.extend(text(name));
            bytes.extend((sizes.len() as u32).to_le_bytes());
            bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        let length = bytes.len().next_multiple_of(32) + self.data;
        bytes.resize(length, 0);
        bytes
    }
}

/// A GGUF string: length and bytes.
pub fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// A GGUF list: type, length as claimed, and the elements' bytes.
pub fn list(kind: u32, count: u64, elements: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(count.to_le_bytes());
    bytes.extend(elements);
    bytes
}

/// A safetensors file of a header and as many bytes of data.
pub fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}
