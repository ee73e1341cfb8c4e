//! [`Adapters`] as a burn module: what the optimiser, records and device moves
//! see.
//!
//! Written by hand, because a derived one would name the entries by number
//! (`adapters.0.a`) where their names are what stays the same when one is
//! taken off, and because this is where entries are handed out and put back
//! (see [`exchange`](super::exchange)).

use burn::{
    module::{Devices, Module, ModuleMapper, ModuleVisitor},
    tensor::Device,
};

use super::{Adapters, Entry, Role, exchange};

impl Entry {
    fn with_layer(self, change: impl FnOnce(super::AdapterLayer) -> super::AdapterLayer) -> Self {
        Self {
            layer: change(self.layer),
            ..self
        }
    }

    /// The part of a path that tells this entry from the others.
    fn path_segment(&self) -> String {
        match self.role {
            Role::Parameter => self.name.clone(),
            Role::TiedHead => format!("{}.head", self.name),
        }
    }
}

impl Adapters {
    fn each(self, mut change: impl FnMut(Entry) -> Entry) -> Self {
        Self {
            entries: self.entries.into_iter().map(&mut change).collect(),
            ..self
        }
    }
}

/// How the entries call their container.
const CONTAINER: &str = "Adapter";

impl Module for Adapters {
    fn collect_devices(&self, devices: Devices) -> Devices {
        let layers = self.entries.iter().map(|entry| &entry.layer);
        layers.fold(devices, |devices, layer| layer.collect_devices(devices))
    }

    fn fork(self, device: &Device) -> Self {
        let mut forked = self.each(|entry| entry.with_layer(|layer| layer.fork(device)));
        forked.unmerged = forked.unmerged.map(|stored| stored.to_device(device));
        forked
    }

    fn to_device(self, device: &Device) -> Self {
        let mut moved = self.each(|entry| entry.with_layer(|layer| layer.to_device(device)));
        moved.unmerged = moved.unmerged.map(|stored| stored.to_device(device));
        moved
    }

    fn train(self) -> Self {
        self.each(|entry| entry.with_layer(Module::train))
    }

    fn valid(&self) -> Self {
        self.clone()
            .each(|entry| entry.with_layer(|layer| layer.valid()))
    }

    fn materialize(self) -> Self {
        self
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        if exchange::offer(self) {
            return;
        }
        for entry in &self.entries {
            let name = entry.path_segment();
            visitor.enter_module(&name, CONTAINER);
            entry.layer.visit(visitor);
            visitor.exit_module(&name, CONTAINER);
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        if let Some(replaced) = exchange::replacement() {
            return replaced.unwrap_or(self);
        }
        self.each(|entry| {
            let name = entry.path_segment();
            mapper.enter_module(&name, CONTAINER);
            let entry = entry.with_layer(|layer| layer.map(mapper));
            mapper.exit_module(&name, CONTAINER);
            entry
        })
    }
}
