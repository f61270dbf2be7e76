//! A page in a browser: Chromium without a window. Where there is none, nothing is tested.

#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, reason = "a test that does nothing says so")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anndata_format::Result;
use anndata_report::{ReportOptions, report};

/// The browser, if there is one.
fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.is_file())
}

/// A picture of a page in a window of a size, and what the browser says.
fn screenshot(chromium: &Path, page: &Path, (width, height): (u32, u32), dark: bool) -> (Vec<[u8; 3]>, usize, String) {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("page.png");
    let mut command = Command::new(chromium);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--log-level=0"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", picture.display()));
    if dark {
        command.arg("--blink-settings=preferredColorScheme=0");
    }
    let output = command.arg(format!("file://{}", page.display())).stdout(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&picture).expect(&said)));
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let pixels = bytes.chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    (pixels, info.width as usize, said)
}

#[test]
fn a_page_loads_and_shows_points() -> Result<()> {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: there is no Chromium");
        return Ok(());
    };
    let page = report(&support::cells(5000)?, &ReportOptions::default().with_color("cell_type"))?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("page.html");
    std::fs::write(&path, page)?;
    let background = |dark| if dark { [0x14, 0x17, 0x1a] } else { [0xf7, 0xf7, 0xf5] };
    for (size, dark) in [((1280, 1000), false), ((1280, 1000), true), ((420, 1400), false)] {
        let (pixels, width, said) = screenshot(&chromium, &path, size, dark);
        assert!(!said.contains("CONSOLE"), "{said}");
        assert_eq!(pixels[0], background(dark), "the theme");
        // Five kinds of cells have the first five colours of the palette.
        for color in [[78, 121, 167], [242, 142, 44], [225, 87, 89], [118, 183, 178], [89, 161, 79]] {
            let points = pixels.iter().filter(|pixel| **pixel == color).count();
            assert!(points > 300, "{points} pixels of color {color:?} at {size:?}, dark: {dark}");
        }
        // Nothing sticks out to the right: what is at the edge is background.
        let edge = pixels.chunks_exact(width).filter(|row| row[width - 1] != background(dark)).count();
        assert!(edge <= 3, "{edge} rows reach the edge at {size:?}");
    }
    Ok(())
}
