//! pretrain

fn main() {}
