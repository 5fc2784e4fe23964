//! Compiles the functions of a variable number of arguments.

fn main() {
    println!("cargo:rerun-if-changed=c/variadic.c");
    cc::Build::new()
        .file("c/variadic.c")
        .warnings_into_errors(true)
        .extra_warnings(true)
        .compile("rump_variadic");
}
