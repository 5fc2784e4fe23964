//! Reads arbitrary text as a script of packets and system calls; what is one is run against a kernel, whatever it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rump_packetdrill::{Settings, parse, run};

fuzz_target!(|data: &[u8]| {
    if let Ok(script) = parse(&String::from_utf8_lossy(data)) {
        let report = run(&script, &Settings::default());
        // Everything that is told can be shown.
        assert!(report.dialogue.iter().all(|line| !line.is_empty()));
    }
});
