//! The one way in which a function takes the place of libc's.

/// Defines functions under one or several names of libc's, with one body. In it, the second name stands for the
/// function of libc that it replaces. What is called from inside the kernel never comes to the body.
///
/// Functions of C with a variable number of arguments are defined with as many as any use of them has: where arguments
/// are passed (in registers, on x86_64 and aarch64 alike) does not depend on it, and what was not passed is not looked
/// at.
macro_rules! interpose {
    ($($(#[$attribute:meta])* [$($name:ident),+] $arguments:tt -> $answer:ty, |$host:ident| $body:block)*) => {
        $(interpose!(@names [$($name),+] $arguments, $answer, $host, $body);)*
    };
    (@names [$($name:ident),+] $arguments:tt, $answer:ty, $host:ident, $body:block) => {
        $(interpose!(@one $name $arguments, $answer, $host, $body);)+
    };
    (@one $name:ident ($($argument:ident: $type:ty),* $(,)?), $answer:ty, $host:ident, $body:block) => {
        /// # Safety
        /// As libc says.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $answer {
            #[allow(unused)]
            let $host = |$($argument: $type),*| -> $answer {
                type Function = unsafe extern "C" fn($($type),*) -> $answer;
                static SYMBOL: $crate::host::Symbol = {
                    let name = concat!(stringify!($name), "\0").as_bytes();
                    match std::ffi::CStr::from_bytes_with_nul(name) {
                        Ok(name) => $crate::host::Symbol::new(name),
                        Err(_) => panic!("a name of C"),
                    }
                };
                match SYMBOL.find() {
                    None => $crate::errno::fail(libc::ENOSYS),
                    Some(address) => {
                        // SAFETY: libc's function of this name has this type.
                        let function = unsafe { std::mem::transmute::<*mut libc::c_void, Function>(address) };
                        // SAFETY: the caller's promise.
                        unsafe { function($($argument),*) }
                    }
                }
            };
            if $crate::guard::is_inside() {
                return $host($($argument),*);
            }
            $body
        }
    };
}
