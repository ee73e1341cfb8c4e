//! The table of tensors: shapes, types, and places that are checked before
//! anything is read from them.

use std::collections::BTreeMap;

use super::cursor::Cursor;
use super::dequantize::{GgmlType, ggml_type};
use crate::LlamaError;

/// The least that a row takes: name, rank, one size, type and offset.
pub(super) const LEAST: usize = 8 + 4 + 8 + 4 + 8;

/// One row of the table of tensors.
#[derive(Debug, Clone)]
pub(super) struct TensorInfo {
    /// Row-major, outermost first: the reverse of the file's order.
    pub(super) shape: Vec<usize>,
    pub(super) kind: &'static GgmlType,
    /// Where its data begins, from the file's start.
    pub(super) offset: usize,
    /// Bytes of data, whole blocks.
    pub(super) length: usize,
    /// Where its row in the table begins, for messages.
    row: usize,
}

/// Reads `count` rows. Offsets are as in the file until [`place`] is called.
pub(super) fn read(
    cursor: &mut Cursor,
    count: usize,
) -> Result<BTreeMap<String, TensorInfo>, LlamaError> {
    let mut tensors = BTreeMap::new();
    for _ in 0..count {
        let row = cursor.offset;
        let name = cursor.text("a tensor name")?;
        let info = tensor_info(cursor, name, row)?;
        if tensors.insert(name.to_owned(), info).is_some() {
            let what = format!("the tensor {name:?} stands twice in the table");
            return Err(cursor.damaged_at(row, what));
        }
    }
    Ok(tensors)
}

fn tensor_info(cursor: &mut Cursor, name: &str, row: usize) -> Result<TensorInfo, LlamaError> {
    let rank = cursor.u32(name)?;
    if !(1..=4).contains(&rank) {
        let what = format!("{name:?} has {rank} dimensions; expected 1 to 4");
        return Err(cursor.damaged_at(cursor.offset - 4, what));
    }
    let mut shape = Vec::with_capacity(rank as usize);
    let mut elements = 1usize;
    for _ in 0..rank {
        let start = cursor.offset;
        let size = cursor.u64(name)?;
        let known = usize::try_from(size).ok().filter(|&size| size > 0);
        let total = known.and_then(|size| Some((size, elements.checked_mul(size)?)));
        let Some((size, total)) = total else {
            let what = match size {
                0 => format!("{name:?} has a dimension of size 0"),
                _ => format!("the size of {name:?} overflows with a dimension of {size}"),
            };
            return Err(cursor.damaged_at(start, what));
        };
        elements = total;
        shape.push(size);
    }
    let columns = shape[0];
    shape.reverse();
    let number = cursor.u32(name)?;
    let kind = ggml_type(number).ok_or_else(|| {
        let what = format!("{name:?} has the unknown tensor type {number}");
        cursor.damaged_at(cursor.offset - 4, what)
    })?;
    if !columns.is_multiple_of(kind.block) {
        let what = format!(
            "{name:?} has rows of {columns} values, which the {}-value blocks of {} do not divide",
            kind.block, kind.name
        );
        return Err(cursor.damaged_at(row, what));
    }
    let length = (elements / kind.block).checked_mul(kind.bytes);
    let length = length.ok_or_else(|| {
        cursor.damaged_at(row, format!("the size of {name:?} in bytes overflows"))
    })?;
    let start = cursor.offset;
    let offset = cursor.u64(name)?;
    let offset = usize::try_from(offset)
        .map_err(|_| cursor.damaged_at(start, format!("the offset of {name:?} is {offset}")))?;
    Ok(TensorInfo {
        shape,
        kind,
        offset,
        length,
        row,
    })
}

/// Turns offsets, which count from the first aligned byte behind the table,
/// into the file's own, and checks that every tensor has a place to itself.
pub(super) fn place(
    cursor: &Cursor,
    tensors: &mut BTreeMap<String, TensorInfo>,
    alignment: usize,
    file_length: usize,
) -> Result<(), LlamaError> {
    let data = cursor.offset.checked_next_multiple_of(alignment);
    let mut places = Vec::with_capacity(tensors.len());
    for (name, info) in tensors.iter_mut() {
        if !info.offset.is_multiple_of(alignment) {
            let what = format!(
                "{name:?} lies at offset {}, which is no multiple of the alignment, {alignment}",
                info.offset
            );
            return Err(cursor.damaged_at(info.row, what));
        }
        let start = data.and_then(|data| data.checked_add(info.offset));
        let end = start.and_then(|start| start.checked_add(info.length));
        let (Some(start), Some(_)) = (start, end.filter(|&end| end <= file_length)) else {
            let what = format!(
                "{name:?} takes {} bytes at offset {} of the data, but the file has {file_length} \
                 in all: the file is cut off or the offset wrong",
                info.length, info.offset
            );
            return Err(cursor.damaged_at(info.row, what));
        };
        info.offset = start;
        places.push((start, info.length, info.row, name));
    }
    places.sort_unstable();
    for pair in places.windows(2) {
        let [(start, length, _, first), (next, _, row, second)] = pair else {
            continue;
        };
        if start + length > *next {
            let what = format!(
                "{second:?} begins at byte {next}, inside {first:?}, which takes {length} bytes from {start} on"
            );
            return Err(cursor.damaged_at(*row, what));
        }
    }
    Ok(())
}
