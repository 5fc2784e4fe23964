//! What the kernel is set to.

use crate::rig::{Kernel, words};

#[test]
fn values_are_shown_by_name_and_as_trees() {
    let kernel = Kernel::new();
    assert_eq!(kernel.ok("sysctl", &["kern.ostype"]), "kern.ostype = rump\n");
    assert_eq!(kernel.ok("sysctl", &["-n", "kern.ostype"]), "rump\n");
    assert_eq!(kernel.ok("sysctl", &["-e", "kern.ostype"]), "kern.ostype=rump\n");
    let all = kernel.ok("sysctl", &["-a"]);
    let of_kern = kernel.ok("sysctl", &["kern"]);
    let names = |text: &str| text.lines().map(|line| words(line)[0].to_owned()).collect::<Vec<String>>();
    assert!(names(&all).starts_with(&names(&of_kern)), "{all}");
    for line in ["hw.pagesize = 4096", "net.inet.ip.forwarding = 0", "kern.ostype = rump"] {
        assert!(all.lines().any(|one| one == line), "{line}: {all}");
    }
    assert_eq!(names(&kernel.ok("sysctl", &["-aN"])), names(&all));
    let records = kernel.ok("sysctl", &["--json", "hw.pagesize", "kern.ostype"]);
    let records: Vec<serde_json::Value> =
        records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[0], serde_json::json!({"name": "hw.pagesize", "value": 4096}));
    assert_eq!(records[1], serde_json::json!({"name": "kern.ostype", "value": "rump"}));
}

#[test]
fn values_are_changed() {
    let kernel = Kernel::new();
    let changed = kernel.ok("sysctl", &["-w", "net.inet.ip.forwarding=1"]);
    assert_eq!(changed, "net.inet.ip.forwarding: 0 -> 1\n");
    assert_eq!(kernel.ok("sysctl", &["-n", "net.inet.ip.forwarding"]), "1\n");
    assert_eq!(kernel.ok("sysctl", &["-q", "kern.hostname=other"]), "");
    assert_eq!(kernel.ok("sysctl", &["kern.hostname"]), "kern.hostname = other\n");
    assert_eq!(kernel.ok("sysctl", &["net.inet.ip.forwarding=0x0"]), "net.inet.ip.forwarding: 1 -> 0\n");
}

#[test]
fn what_is_no_name_or_no_value_is_named() {
    let kernel = Kernel::new();
    for (word, named) in [
        ("kern.nothing", "kern.nothing: "),
        ("kern.ostype.nothing", "kern.ostype.nothing: "),
        ("kern.ostype=other", "kern.ostype: "),
        ("net.inet.ip.forwarding=much", "\"much\""),
        ("net.inet.ip.forwarding=99999999999", "99999999999"),
    ] {
        let err = kernel.fails("sysctl", &[word]);
        assert!(err.starts_with("rump.sysctl: ") && err.contains(named), "{word}: {err}");
    }
    // The others are shown nevertheless.
    let said = kernel.run("sysctl", &["kern.nothing", "kern.ostype"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), "kern.ostype = rump\n"));
}
