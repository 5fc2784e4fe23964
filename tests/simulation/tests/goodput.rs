//! The table of goodput in docs/goodput.md is what the stack does today. `RUMP_BLESS=1` writes it anew.

use simulation::goodput;
use std::fs;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/goodput.md");

#[test]
fn the_table_of_goodput_is_true() {
    let text = fs::read_to_string(FILE).expect("the document");
    let begin = text.find("| wire |").expect("a table");
    let end = begin + text[begin..].find("\n\n").map_or(text.len() - begin, |at| at + 1);
    let table = goodput::table().unwrap_or_else(|what| panic!("{what}"));
    if std::env::var_os("RUMP_BLESS").is_some() {
        fs::write(FILE, format!("{}{table}{}", &text[..begin], &text[end..])).expect("writing the document");
    } else {
        assert!(
            text[begin..end] == *table,
            "docs/goodput.md says otherwise; RUMP_BLESS=1 writes it anew:\n{table}"
        );
    }
}
