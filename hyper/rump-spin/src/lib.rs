//! Waiting without sleeping, where that is likely to be short.
//!
//! To wake a thread takes the host's scheduler, and a core that sleeps, tens of microseconds: more than two threads need
//! that answer each other. So a thread whose last waits were short looks for a while before it sleeps. It sleeps at once
//! after a wait that was long, until several were short again; the more often it looked in vain, the more it takes. A
//! process that idles uses no processor. Between two looks it yields to whoever else wants its core: often that is who will
//! answer, for a scheduler puts two that wake each other on one core. It gives up when somebody kept the core for long.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long to look.
const LONGEST: Duration = Duration::from_micros(50);
/// A wait that a sleep ended so soon was short: with the time to wake up, it might have been one without.
const SHORT: Duration = Duration::from_micros(150);
/// The core went to somebody else if a yield took so long.
const TAKEN: Duration = Duration::from_micros(10);
/// Waits in a row that have to be short, at first and at most.
const FEW: u32 = 8;
const MANY: u32 = 1024;

/// What a thread has seen of its waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Habit {
    /// Waits that have to be short before one is spent looking.
    left: u32,
    /// How many that is after a wait that was not.
    most: u32,
}

impl Habit {
    const NEW: Self = Self { left: FEW, most: FEW };

    /// Looking was worth it.
    fn looked(self) -> Self {
        Self { left: 0, most: (self.most / 2).max(FEW) }
    }

    /// Others want this core. Once may be the host's clock; who is told so again and again looks seldom.
    fn crowded(self) -> Self {
        let most = (self.most * 2).min(MANY);
        Self { left: most, most }
    }

    /// It had to sleep in the end, and has slept.
    fn slept(self, took: Duration) -> Self {
        match self.left {
            0 => Self { left: (self.most * 2).min(MANY), most: (self.most * 2).min(MANY) },
            left if took < SHORT => Self { left: left - 1, ..self },
            _ => Self { left: self.most, ..self },
        }
    }
}

thread_local! {
    static HABIT: Cell<Habit> = const { Cell::new(Habit::NEW) };
}

/// Waits until `is_over`, for `timeout` at most: looks first, if this thread's waits are short, and then does `sleep` with
/// the time that is left. Answers whether it is over.
pub fn wait(
    timeout: Option<Duration>,
    is_over: impl Fn() -> bool,
    sleep: impl FnOnce(Option<Duration>) -> bool,
) -> bool {
    let begin = Instant::now();
    let habit = HABIT.get();
    let looks = habit.left == 0;
    let longest = timeout.map_or(LONGEST, |timeout| timeout.min(LONGEST));
    let seen = if looks { look(begin, longest, is_over) } else { Seen::Nothing };
    let is_over = seen == Seen::Over || sleep(timeout.map(|timeout| timeout.saturating_sub(begin.elapsed())));
    HABIT.set(match seen {
        Seen::Over => habit.looked(),
        Seen::Crowd => habit.crowded(),
        Seen::Nothing => habit.slept(begin.elapsed()),
    });
    is_over
}

/// What came of looking.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// It is over.
    Over,
    /// It is not over.
    Nothing,
    /// The core went to somebody else meanwhile; it is not over.
    Crowd,
}

fn look(begin: Instant, longest: Duration, is_over: impl Fn() -> bool) -> Seen {
    let mut before = Duration::ZERO;
    loop {
        if is_over() {
            return Seen::Over;
        }
        let now = begin.elapsed();
        if now - before > TAKEN {
            return Seen::Crowd;
        }
        if now >= longest {
            return Seen::Nothing;
        }
        before = now;
        // At once: it may be on this core that what is waited for is done.
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_millis(1);

    fn after(habit: Habit, waits: &[Duration]) -> Habit {
        waits.iter().fold(habit, |habit, took| habit.slept(*took))
    }

    #[test]
    fn short_waits_in_a_row_make_a_thread_look_and_a_long_one_ends_that() {
        let short = [Duration::ZERO; FEW as usize];
        assert_eq!(after(Habit::NEW, &short).left, 0);
        assert_ne!(after(Habit::NEW, &short[1..]).left, 0);
        assert_eq!(after(after(Habit::NEW, &short[1..]), &[LONG]), Habit::NEW);
        assert_eq!(after(Habit::NEW, &[LONG; 1000]), Habit::NEW);
        assert_ne!(after(after(Habit::NEW, &short), &[Duration::ZERO]).left, 0);
    }

    #[test]
    fn who_looks_in_vain_looks_ever_less() {
        let (mut habit, mut looks) = (Habit::NEW, 0);
        for _ in 0..100_000 {
            looks += u32::from(habit.left == 0);
            habit = habit.slept(SHORT / 2);
        }
        assert!((90..120).contains(&looks), "{looks}");
        (0..20).for_each(|_| habit = habit.looked());
        assert_eq!(habit, Habit { left: 0, most: FEW });
    }

    #[test]
    fn a_thread_that_looks_sees_what_happens_and_does_not_sleep() {
        HABIT.set(Habit { left: 0, most: FEW });
        assert!(wait(None, || true, |_| unreachable!()));
        let mut slept = None;
        let timeout = Some(Duration::from_secs(1));
        assert!(!wait(
            timeout,
            || false,
            |left| {
                slept = left;
                false
            }
        ));
        assert!(slept < timeout && slept > Some(Duration::from_millis(100)));
    }
}
