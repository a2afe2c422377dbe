//! `fixed-container-name`: the container of a service that is built has a name that no second one can have.

use crate::{analysis::Facts, diag::{Safety, Sink}};

pub(super) fn check(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for service in &facts.services {
        let model = facts.model(service);
        let (Some(_), Some(name)) = (&model.build, &model.container_name) else { continue };
        sink.report(
            name.at,
            format!("only one container can be called `{}`: the old one must go before the new one can start", name.raw),
        )
        .help("remove `container_name`: Compose names the containers itself, and other services reach them by the service's name")
.fix(Safety::Manual, "remove `container_name`", Vec::new());
    }
}
