//! Parquet files.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic;
use parquet::file::metadata::ParquetMetaData;

use super::batches::{self, Batch, Columnar, Failure, guarded};
use super::counted::Counter;
use super::{FileFormat, SourceError};
use crate::DataError;

/// Opens a Parquet file. How far it is read is told by rows, since its columns lie apart.
pub(super) fn open(
    file: File,
    path: &Arc<Path>,
    total_bytes: u64,
    counter: Counter,
) -> Result<Columnar, DataError> {
    let format = FileFormat::Parquet;
    let fail = |error: Failure| batches::failure(path, format, 0, error);
    let builder = guarded(|| Ok(ParquetRecordBatchReaderBuilder::try_new(file)?)).map_err(fail)?;
    check_codecs(path, builder.metadata())?;
    let schema = Arc::clone(builder.schema());
    let expected = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let builder = builder.with_batch_size(batches::ROWS);
    let reader = guarded(|| Ok(builder.build()?)).map_err(fail)?;
    let mut seen = 0_u64;
    let mut reader = reader.fuse();
    let mut ended = false;
    let batches = std::iter::from_fn(move || match reader.next() {
        Some(Ok(rows)) => {
            seen += rows.num_rows() as u64;
            let share = seen as f64 / expected.max(1) as f64;
            let bytes_read = Some((total_bytes as f64 * share.min(1.0)) as u64);
            Some(Ok(Batch { rows, bytes_read }))
        }
        Some(Err(error)) => {
            ended = true;
            Some(Err(Failure::from(error)))
        }
        None if !ended && seen != expected => {
            ended = true;
            Some(Err(Failure::from(format!(
                "its columns end after {seen} rows of {expected}"
            ))))
        }
        None => None,
    });
    Columnar::new(
        Arc::clone(path),
        format,
        &schema,
        Box::new(batches),
        counter,
    )
}

/// Refuses codecs that are not built in before a row is read.
fn check_codecs(path: &Path, metadata: &ParquetMetaData) -> Result<(), SourceError> {
    for column in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        let codec = match column.compression() {
            basic::Compression::BROTLI(_) => "brotli",
            basic::Compression::LZO => "lzo",
            _ => continue,
        };
        return Err(SourceError::Codec {
            path: path.to_path_buf(),
            column: column.column_path().string(),
            codec: codec.to_owned(),
        });
    }
    Ok(())
}
