//! A process on a POSIX host as the host of rump kernels.
