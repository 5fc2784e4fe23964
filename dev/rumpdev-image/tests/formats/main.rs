//! Images of every format and option that `qemu-img` makes, read as it reads them; those of qcow2 written as well, which it
//! then has to find whole (`check`) and equal to a plain file (`compare`).
#![forbid(unsafe_code)]

mod crash;
mod others;
mod packed;
mod qcow2;
mod rig;
mod write;

fn main() {
    let mut suite = interop::suite::Suite::default();
    qcow2::add(&mut suite);
    write::add(&mut suite);
    crash::add(&mut suite);
    others::add(&mut suite);
    packed::add(&mut suite);
    suite.run();
}
