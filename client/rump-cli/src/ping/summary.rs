//! What is told in the end: counts, and times as iputils and NetBSD compute them.

use serde_json::{Value, json};
use std::fmt;
use std::time::{Duration, Instant};

/// See the module.
pub struct Summary {
    address: String,
    begun: Instant,
    /// When the last request was sent.
    pub last_sent: Instant,
    /// Requests.
    pub sent: u64,
    /// Requests that were answered.
    pub received: u64,
    /// Answers besides the first.
    pub duplicates: u64,
    /// Complaints.
    pub errors: u64,
    took: Duration,
    /// In milliseconds, over all answers.
    least: f64,
    most: f64,
    sum: f64,
    squares: f64,
}

impl Summary {
    /// Of nothing yet.
    pub fn new(address: &str) -> Self {
        let begun = Instant::now();
        let (sent, received, duplicates, errors) = (0, 0, 0, 0);
        let (least, most, sum, squares, took) = (f64::INFINITY, 0.0, 0.0, 0.0, Duration::ZERO);
        Self {
            address: address.into(),
            begun,
            last_sent: begun,
            sent,
            received,
            duplicates,
            errors,
            took,
            least,
            most,
            sum,
            squares,
        }
    }

    /// A request went out.
    pub fn count_sent(&mut self, now: Instant) {
        self.sent += 1;
        self.last_sent = now;
    }

    /// An answer came after `time`.
    pub fn count_received(&mut self, time: Duration, is_duplicate: bool) {
        *(if is_duplicate { &mut self.duplicates } else { &mut self.received }) += 1;
        let time = time.as_secs_f64() * 1000.0;
        self.least = self.least.min(time);
        self.most = self.most.max(time);
        self.sum += time;
        self.squares += time * time;
    }

    /// All is over.
    pub fn finish(&mut self) {
        self.took = self.begun.elapsed();
    }

    /// Least, mean, most, and standard deviation; none without answers.
    fn times(&self) -> Option<[f64; 4]> {
        let count = (self.received + self.duplicates) as f64;
        let mean = self.sum / count;
        let deviation = (self.squares / count - mean * mean).max(0.0).sqrt();
        (count > 0.0).then_some([self.least, mean, self.most, deviation])
    }

    fn loss_percent(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { (self.sent - self.received) as f64 * 100.0 / self.sent as f64 }
    }

    /// As a record.
    pub fn to_json(&self) -> Value {
        let [least, mean, most, deviation] = self.times().map_or([None; 4], |times| times.map(Some));
        json!({"type": "summary", "address": self.address, "sent": self.sent, "received": self.received,
            "duplicates": self.duplicates, "errors": self.errors, "loss_percent": self.loss_percent(),
            "time_ms": self.took.as_millis() as u64, "min_ms": least, "avg_ms": mean, "max_ms": most,
            "mdev_ms": deviation})
    }
}

impl Summary {
    /// In the words of iputils.
    pub fn iputils(&self) -> impl fmt::Display + '_ {
        Text(move |f: &mut fmt::Formatter<'_>| {
            writeln!(f, "--- {} ping statistics ---", self.address)?;
            write!(f, "{} packets transmitted, {} received", self.sent, self.received)?;
            for (count, word) in [(self.duplicates, "duplicates"), (self.errors, "errors")] {
                if count > 0 {
                    write!(f, ", +{count} {word}")?;
                }
            }
            let loss = format!("{:.4}", self.loss_percent());
            let loss = loss.trim_end_matches('0').trim_end_matches('.');
            writeln!(f, ", {loss}% packet loss, time {}ms", self.took.as_millis())?;
            let Some([least, mean, most, deviation]) = self.times() else { return Ok(()) };
            writeln!(f, "rtt min/avg/max/mdev = {least:.3}/{mean:.3}/{most:.3}/{deviation:.3} ms")
        })
    }

    /// In those of NetBSD, which has others for each version of IP.
    pub fn netbsd(&self, is_v4: bool) -> impl fmt::Display + '_ {
        Text(move |f: &mut fmt::Formatter<'_>| {
            match is_v4 {
                true => writeln!(f, "----{} PING Statistics----", self.address)?,
                false => writeln!(f, "--- {} ping6 statistics ---", self.address)?,
            }
            write!(f, "{} packets transmitted, {} packets received", self.sent, self.received)?;
            if self.duplicates > 0 {
                write!(f, ", +{} duplicates", self.duplicates)?;
            }
            writeln!(f, ", {:.1}% packet loss", self.loss_percent())?;
            let Some([least, mean, most, deviation]) = self.times() else { return Ok(()) };
            let word = if is_v4 { "stddev" } else { "std-dev" };
            writeln!(f, "round-trip min/avg/max/{word} = {least:.3}/{mean:.3}/{most:.3}/{deviation:.3} ms")
        })
    }
}

/// What a function writes.
struct Text<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Text<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0(f)
    }
}

/// Milliseconds with three digits that count, as iputils prints them.
pub fn rounded(milliseconds: f64) -> String {
    let digits = match milliseconds {
        time if time < 1.0 => 3,
        time if time < 10.0 => 2,
        time if time < 100.0 => 1,
        _ => 0,
    };
    format!("{milliseconds:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_answers() {
        let mut summary = Summary::new("127.0.0.1");
        for milliseconds in [1, 2, 3] {
            summary.count_sent(Instant::now());
            summary.count_received(Duration::from_millis(milliseconds), false);
        }
        summary.count_sent(Instant::now());
        let text = summary.iputils().to_string();
        assert!(text.contains("4 packets transmitted, 3 received, 25% packet loss"), "{text}");
        // The deviation of 1, 2, 3 is the root of two thirds.
        assert!(text.ends_with("rtt min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms\n"), "{text}");
        let text = summary.netbsd(true).to_string();
        assert!(text.contains("4 packets transmitted, 3 packets received, 25.0% packet loss\n"), "{text}");
        assert!(text.ends_with("round-trip min/avg/max/stddev = 1.000/2.000/3.000/0.816 ms\n"), "{text}");
        assert_eq!(summary.to_json()["avg_ms"], 2.0);
    }

    #[test]
    fn nothing_is_computed_of_no_answers() {
        let mut summary = Summary::new("127.0.0.1");
        assert!(summary.iputils().to_string().contains("0 packets transmitted, 0 received, 0% packet loss"));
        summary.count_sent(Instant::now());
        assert!(!summary.iputils().to_string().contains("rtt"));
        assert!(summary.to_json()["avg_ms"].is_null());
    }

    #[test]
    fn times_have_three_digits_that_count() {
        let rounded = [0.0451, 4.567, 45.67, 456.7].map(rounded);
        assert_eq!(rounded, ["0.045", "4.57", "45.7", "457"]);
    }
}
