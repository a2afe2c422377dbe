//! Whole repositories, on request.
