//! Between image files and inputs of the targets: `pack IMAGE INPUT`, `unpack INPUT IMAGE`.
#![forbid(unsafe_code)]

use rump_fuzz::image::{BLOCK, Image};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["pack", image, input] => {
            fs::read(image).and_then(|raw| fs::write(input, Image::from_raw(&raw).encode()))
        }
        ["unpack", input, image] => fs::read(input).and_then(|bytes| unpack(&Image::decode(&bytes), image)),
        _ => {
            eprintln!("usage: pack IMAGE INPUT | unpack INPUT IMAGE");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn unpack(image: &Image, path: &str) -> std::io::Result<()> {
    let file = File::create(path)?;
    for number in image.numbers() {
        let at = u64::from(number) * BLOCK as u64;
        let len = image.size().saturating_sub(at).min(BLOCK as u64) as usize;
        let mut bytes = vec![0; len];
        image.read(at, &mut bytes);
        file.write_all_at(&bytes, at)?;
    }
    file.set_len(image.size())
}
