//! ask

fn main() {}
