//! A feed of the batches that `micro_batches` makes, and reading what a run wrote.

use std::collections::BTreeMap;
use std::path::Path;

use anneal_train::checkpoint::DataPosition;
use anneal_train::{Feed, Result, StepData, TrainError};
use burn::tensor::Device;

use super::{Batch, micro_batches};

/// A micro-batch with the numbers of its rows.
#[derive(Clone, Debug)]
pub struct Numbered {
    pub batch: Batch,
    pub rows: Vec<u64>,
}

/// Five steps an epoch, other ones in each; ten rows a step, whose numbers are 10 · step + 0..10.
pub struct Steps {
    pub device: Device,
    pub at: DataPosition,
}

pub const PER_EPOCH: u64 = 5;

impl Steps {
    pub fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            at: DataPosition {
                seed: 77,
                ..DataPosition::default()
            },
        }
    }
}

impl Feed for Steps {
    type Batch = Numbered;

    fn next(&mut self) -> StepData<Numbered> {
        let step = self.at.epoch * PER_EPOCH + self.at.position;
        let mut row = 10 * step;
        let micro_batches = micro_batches(step, &self.device).into_iter().map(|batch| {
            let count = batch.x.dims()[0] as u64;
            row += count;
            Numbered {
                batch,
                rows: (row - count..row).collect(),
            }
        });
        let micro_batches = micro_batches.collect();
        self.at.position += 1;
        if self.at.position == PER_EPOCH {
            self.at.epoch += 1;
            self.at.position = 0;
        }
        StepData {
            micro_batches,
            tokens: 40,
            examples: 10,
        }
    }

    fn position(&self) -> DataPosition {
        self.at
    }

    fn seek(&mut self, at: DataPosition) -> Result<()> {
        if at.seed != 77 {
            return Err(TrainError::InvalidSetting {
                name: "seed",
                value: at.seed.to_string(),
                expected: "77",
            });
        }
        self.at = at;
        Ok(())
    }

    fn steps_per_epoch(&self) -> u64 {
        PER_EPOCH
    }
}

/// Every file under a folder by its path in it, TensorBoard's left out: they hold the time.
pub fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn read(root: &Path, folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                read(root, &path, into);
            } else if !name.starts_with("tensorboard") {
                into.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut into = BTreeMap::new();
    read(root, root, &mut into);
    into
}

/// Fails with the names of the files that differ.
pub fn assert_same_files(found: &Path, expected: &Path, what: &str) {
    let (found, expected) = (contents(found), contents(expected));
    let names = |map: &BTreeMap<String, Vec<u8>>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected), "{what}");
    let differ: Vec<_> = found.keys().filter(|n| found[*n] != expected[*n]).collect();
    assert!(differ.is_empty(), "{what}: {differ:?} differ");
}
