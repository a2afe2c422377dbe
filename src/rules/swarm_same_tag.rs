//! `swarm-same-tag`: a swarm service whose image is built under a tag that never changes.

use crate::{analysis::Facts, diag::{Safety, Sink}, model::compose::Compose, syntax::yaml::NodeId};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let model = facts.model(service);
        let (Some(build), Some(image), Some(deploy)) = (&model.build, &model.image, &model.deploy) else { continue };
        // A variable in the tag, or a digest, can change with every deploy.
        if image.raw.contains(['$', '@']) || !for_swarm(facts.projects[service.project].model(&facts.composes), model.node) {
            continue;
        }
        sink.report(
            image.at,
            format!("the swarm compares the text `{}`: a new build under the same tag changes no task", image.raw),
        )
        .label(*deploy, "only a swarm reads this")
        .label(build.key, "`docker stack deploy` builds nothing")
        .help("put the commit into the tag (`image: app:${GIT_SHA}`) and push it before `docker stack deploy`")
.fix(Safety::Manual, "put the commit into the tag", Vec::new());
    }
}

/// Whether `deploy` says something that only a swarm acts on: Compose reads resources, replicas and restart policies.
fn for_swarm(compose: &Compose, service: NodeId) -> bool {
    let tree = &compose.tree;
    let Some(deploy) = tree.get(service, "deploy").map(|entry| entry.value) else { return false };
    let mode = tree.get(deploy, "mode").and_then(|entry| tree.scalar(entry.value));
    mode == Some("global")
        || ["update_config", "rollback_config", "placement", "endpoint_mode"]
            .iter()
            .any(|key| tree.get(deploy, key).is_some())
}
