//! execl(3) and its like, whose words are arguments: libc's own would execute behind this library's back.
//!
//! A function of C with a variable number of arguments is defined with as many as are looked at: on x86_64 and aarch64, where
//! arguments are passed does not depend on it. More words than that are E2BIG.

use super::process::{environ, execve, execvpe};
use crate::errno::fail;
use libc::{c_char, c_int};

type Word = *const c_char;

/// Words up to the null that ends them, and what is behind it. None: there are too many.
fn list(words: &[Word]) -> Option<(Vec<Word>, Option<Word>)> {
    let end = words.iter().position(|word| word.is_null())?;
    Some((words[..=end].to_vec(), words.get(end + 1).copied()))
}

macro_rules! with_words {
    ($($word:ident)*) => {
        /// # Safety
        /// As libc says.
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments)]
        pub unsafe extern "C" fn execl(path: Word, $($word: Word),*) -> c_int {
            match list(&[$($word),*]) {
                // SAFETY: the caller's promise, and libc's own variable.
                Some((words, _)) => unsafe { execve(path, words.as_ptr(), environ) },
                None => fail(libc::E2BIG),
            }
        }

        /// # Safety
        /// As libc says.
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments)]
        pub unsafe extern "C" fn execlp(file: Word, $($word: Word),*) -> c_int {
            match list(&[$($word),*]) {
                // SAFETY: as above.
                Some((words, _)) => unsafe { execvpe(file, words.as_ptr(), environ) },
                None => fail(libc::E2BIG),
            }
        }

        /// # Safety
        /// As libc says.
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments)]
        pub unsafe extern "C" fn execle(path: Word, $($word: Word),*) -> c_int {
            match list(&[$($word),*]) {
                // SAFETY: as above: the environment is behind the words.
                Some((words, Some(environment))) => unsafe { execve(path, words.as_ptr(), environment.cast()) },
                _ => fail(libc::E2BIG),
            }
        }
    };
}

with_words! {
    a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 d0 d1 d2 d3 d4 d5 d6 d7 d8 d9
}
