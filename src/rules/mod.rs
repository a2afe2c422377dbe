//! The rules: one page, one file and one line here for each.

pub mod page;

use crate::{
    analysis::Facts,
    diag::{Claim, Sink},
};
use page::Page;

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id: a kebab-case noun for the bad thing.
    pub id: &'static str,
    /// Its page.
    pub page: &'static Page,
    /// What finds it: a pure function of the facts.
    pub check: fn(&Facts<'_>, &mut Sink<'_>),
}

impl Rule {
    /// What its findings may claim.
    pub fn claim(&self) -> Claim {
        Claim {
            rule: self.id,
            severity: self.page.severity,
            fix: self.page.fix,
            mechanisms: self.page.mechanisms(),
        }
    }
}

/// Whether a rule's id and its module have the same name.
const fn same_name(id: &str, module: &str) -> bool {
    let (id, module) = (id.as_bytes(), module.as_bytes());
    if id.len() != module.len() {
        return false;
    }
    let mut i = 0;
    while i < id.len() {
        if id[i] != module[i] && !(id[i] == b'-' && module[i] == b'_') {
            return false;
        }
        i += 1;
    }
    true
}

macro_rules! rules {
    ($($id:literal => $module:ident,)*) => {
        $(mod $module;)*
        /// Every rule, in the order of the documentation.
        pub static RULES: &[Rule] = &[$({
            static PAGE: Page = Page::read(include_str!(concat!("../../rules/", $id, ".md")));
            const { assert!(same_name($id, stringify!($module)), "module and id differ") };
            Rule { id: $id, page: &PAGE, check: $module::check }
        },)*];
    };
}

rules! {
    "broad-copy" => broad_copy,
    "missing-cache-bust" => missing_cache_bust,
    "cached-fetch" => cached_fetch,
    "inert-cache-bust" => inert_cache_bust,
    "split-apt-update" => split_apt_update,
    "moving-base" => moving_base,
    "moving-copy-from" => moving_copy_from,
    "stale-cache-mount" => stale_cache_mount,
    "dummy-build" => dummy_build,
    "volume-over-code" => volume_over_code,
    "discarded-write" => discarded_write,
    "lost-heredoc" => lost_heredoc,
    "volume-shadows-image" => volume_shadows_image,
    "single-file-bind" => single_file_bind,
    "restart-after-build" => restart_after_build,
    "up-without-build" => up_without_build,
    "unguarded-step" => unguarded_step,
    "kept-container" => kept_container,
    "no-cache-alone" => no_cache_alone,
    "unverified-deploy" => unverified_deploy,
    "pruned-nothing" => pruned_nothing,
    "anonymous-volume-carryover" => anonymous_volume_carryover,
    "bind-shadows-image" => bind_shadows_image,
    "shared-image-tag" => shared_image_tag,
    "pull-overrides-build" => pull_overrides_build,
    "sibling-image" => sibling_image,
    "base-order" => base_order,
    "baked-env" => baked_env,
    "stale-cache-from" => stale_cache_from,
    "fixed-container-name" => fixed_container_name,
    "missing-healthcheck" => missing_healthcheck,
    "swarm-same-tag" => swarm_same_tag,
    "ignored-source" => ignored_source,
    "missing-source" => missing_source,
    "prebuilt-artefact" => prebuilt_artefact,
    "copied-build-state" => copied_build_state,
    "git-in-context" => git_in_context,
    "shadowed-dockerignore" => shadowed_dockerignore,
    "remote-context" => remote_context,
    "syntax-error" => syntax_error,
    "unused-allow" => unused_allow,
    "config-error" => config_error,
}

/// The rule of that id.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}
