//! How tasks wait: try, register, try again, and be woken.

use super::super::socket::Socket;
use crate::Watch;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker, ready};

/// A task that waits for a socket, or none. Dropping it forgets the task.
#[derive(Default)]
pub struct Interest {
    watch: Option<(Waker, Watch)>,
}

impl std::fmt::Debug for Interest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.watch.is_some() { "a task waits" } else { "no task waits" })
    }
}

impl Interest {
    /// Does `attempt`, which does not block; if it would have to, the task is woken whenever the socket changes.
    pub(super) fn poll<T>(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        // Who never has to wait would keep others from running.
        let budget = ready!(::tokio::task::coop::poll_proceed(context));
        let is_watched = self.watch.as_ref().is_some_and(|(waker, _)| waker.will_wake(context.waker()));
        let mut answer = attempt();
        if would_block(&answer) && !is_watched {
            let watch = socket.process().watch(socket.fd(), context.waker())?;
            self.watch = Some((context.waker().clone(), watch));
            // What happened before the registration woke nobody.
            answer = attempt();
        }
        if would_block(&answer) {
            return Poll::Pending;
        }
        self.watch = None;
        budget.made_progress();
        Poll::Ready(answer)
    }
}

fn would_block<T>(answer: &io::Result<T>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// Does `attempt` until its answer is another than WouldBlock.
pub(super) async fn until_ready<T>(
    socket: &Socket,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut interest = Interest::default();
    poll_fn(|context| interest.poll(socket, context, &mut attempt)).await
}
