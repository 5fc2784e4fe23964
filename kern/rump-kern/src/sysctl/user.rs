//! `user`: limits that POSIX gives programs. The values are the least that it allows, as there are no programs in a rump
//! kernel that could do more.

use super::SysctlValue::{Int, Text};
use super::{Entry, fact};

pub(super) static TABLE: [Entry; 20] = [
    fact(1, "cs_path", |_| Ok(Text("/usr/bin:/bin:/usr/sbin:/sbin".into()))),
    fact(2, "bc_base_max", |_| Ok(Int(99))),
    fact(3, "bc_dim_max", |_| Ok(Int(2048))),
    fact(4, "bc_scale_max", |_| Ok(Int(99))),
    fact(5, "bc_string_max", |_| Ok(Int(1000))),
    fact(6, "coll_weights_max", |_| Ok(Int(2))),
    fact(7, "expr_nest_max", |_| Ok(Int(32))),
    fact(8, "line_max", |_| Ok(Int(2048))),
    fact(9, "re_dup_max", |_| Ok(Int(255))),
    fact(10, "posix2_version", |_| Ok(Int(200_809))),
    fact(11, "posix2_c_bind", |_| Ok(Int(0))),
    fact(12, "posix2_c_dev", |_| Ok(Int(0))),
    fact(13, "posix2_char_term", |_| Ok(Int(0))),
    fact(14, "posix2_fort_dev", |_| Ok(Int(0))),
    fact(15, "posix2_fort_run", |_| Ok(Int(0))),
    fact(16, "posix2_localedef", |_| Ok(Int(0))),
    fact(17, "posix2_sw_dev", |_| Ok(Int(0))),
    fact(18, "posix2_upe", |_| Ok(Int(0))),
    fact(19, "stream_max", |_| Ok(Int(20))),
    fact(20, "tzname_max", |_| Ok(Int(255))),
];
