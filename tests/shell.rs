//! The shell scanner against texts of the kind that Dockerfiles and deploy scripts hold.
