//! Output of network tools as typed values. Pure: no I/O, no clock.
