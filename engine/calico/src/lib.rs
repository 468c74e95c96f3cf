//! What Calico should have programmed. Pure: no I/O, no clock.
