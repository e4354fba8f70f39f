//! ids_peer KEYS: ptr_hash over so many keys of 64 bits, with its own parameters for small space; prints one JSON object.
use ptr_hash::{PtrHash, PtrHashParams};
use std::hint::black_box;
use std::time::Instant;

/// The keys of src/ids/perfect_hash_bench.cc: splitmix64, different for different places.
fn keys(count: usize) -> Vec<u64> {
    let mut state = 7u64;
    (0..count)
        .map(|_| {
            state = state.wrapping_add(0x9e3779b97f4a7c15);
            let mut z = state;
            z = (z ^ z >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
            z = (z ^ z >> 27).wrapping_mul(0x94d049bb133111eb);
            z ^ z >> 31
        })
        .collect()
}

/// The least of three, in ns a key.
fn ns_per_key(count: usize, mut run: impl FnMut() -> usize) -> f64 {
    (0..3)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_nanos() as f64 / count as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let count: usize = std::env::args().nth(1).expect("how many keys").parse().expect("a number");
    let keys = keys(count);
    let start = Instant::now();
    let hash = <PtrHash>::new(&keys, PtrHashParams::default_compact());
    let build_s = start.elapsed().as_secs_f64();
    let one = ns_per_key(count, || keys.iter().map(|key| hash.index(key)).fold(0, usize::wrapping_add));
    let streamed = ns_per_key(count, || hash.index_stream::<32, true, _>(&keys).fold(0, usize::wrapping_add));
    let (pilots, remap) = hash.bits_per_element();
    println!("{{\"bits\": {}, \"build_s\": {build_s}, \"one_ns\": {one}, \"streamed_ns\": {streamed}}}", pilots + remap);
}
