//! scratch
use anndata_core::*;
use std::time::Instant;
fn cpu() -> f64 {
    let mut t = 0f64;
    for e in std::fs::read_dir("/proc/self/task").unwrap() {
        let p = e.unwrap().path().join("schedstat");
        if let Ok(s) = std::fs::read_to_string(p) {
            t += s.split(' ').next().unwrap().parse::<f64>().unwrap();
        }
    }
    t / 1e9
}
fn time<R>(name: &str, only: &str, mut f: impl FnMut() -> R) {
    if !name.contains(only) {
        return;
    }
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..8 {
        let (w, c) = (Instant::now(), cpu());
        let r = f();
        let (w, c) = (w.elapsed().as_secs_f64(), cpu() - c);
        drop(r);
        best = (best.0.min(w), best.1.min(c));
    }
    println!("{name:30} wall {:.2} ms cpu {:.2} ms", best.0 * 1e3, best.1 * 1e3);
}
fn picked(len: usize, step: u64) -> Vec<u64> {
    (0..len as u64).filter(|i| hash(*i) % step == 0).collect()
}
fn shuffle(p: &[u64]) -> Vec<u64> {
    let mut s = p.to_vec();
    s.sort_by_key(|i| (hash(*i), *i));
    s
}
fn hash(i: u64) -> u64 {
    (i * 2_654_435_761 % (1 << 32)) >> 12
}
fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let (n, p, k) = (100_000usize, 20_000usize, 400usize);
    let mut s = 12345u64;
    let mut ind = Vec::with_capacity(n * k);
    for _ in 0..n {
        for j in 0..k {
            s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ind.push((j * 50) as i32 + ((s >> 33) % 50) as i32);
        }
    }
    let data: Vec<f32> = (0..n * k).map(|i| (i % 7) as f32 + 1.0).collect();
    let ptr: Vec<i32> = (0..=n).map(|i| (i * k) as i32).collect();
    let mk = |b: &[u8], d: DType, l: usize| Tensor::from_bytes(d, [l], b).unwrap();
    let x = SparseMatrix::new(
        SparseFormat::Csr,
        (n, p),
        mk(unsafe { std::slice::from_raw_parts(data.as_ptr().cast(), data.len() * 4) }, DType::F32, n * k),
        mk(unsafe { std::slice::from_raw_parts(ind.as_ptr().cast(), ind.len() * 4) }, DType::I32, n * k),
        Tensor::from_vec([n + 1], ptr).unwrap(),
    )
    .unwrap();
    drop((data, ind));
    let rows = Axis::from(picked(n, 2));
    let rs = Axis::from(shuffle(&picked(n, 2)));
    let cols = Axis::from(picked(p, 10));
    let cs = Axis::from(shuffle(&picked(p, 10)));
    let (ar, ac) = (Axis::Range(0..n as u64), Axis::Range(0..p as u64));
    time("zero160", &only, || {
        let mut b = storage::AlignedBytes::zeroed(160 << 20);
        b.as_mut_slice().chunks_mut(4096).for_each(|c| c[0] = 1);
        b
    });
    time("rows", &only, || x.select(&rows, &ac).unwrap());
    time("rowsshuf", &only, || x.select(&rs, &ac).unwrap());
    time("cols", &only, || x.select(&ar, &cols).unwrap());
    time("colsshuf", &only, || x.select(&ar, &cs).unwrap());
    time("both", &only, || x.select(&rows, &cols).unwrap());
    time("tocsc", &only, || x.to_format(SparseFormat::Csc).unwrap());
    time("window", &only, || x.select(&ar, &Axis::Range(5000..7000)).unwrap());
}
