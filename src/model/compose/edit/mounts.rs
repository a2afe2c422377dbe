//! Mounts less.

use super::{Editor, Refused, is_dash, refuse};
use crate::{
    model::compose::Compose,
    syntax::yaml::{Entry, Kind, NodeId, Style},
    text::{Edit, Span},
};

/// Removes mounts of a service (`indexes` in [`Service::mounts`](crate::model::compose::Service::mounts)) with their
/// lines and the comments behind them, and the key `volumes` or `tmpfs` with its last entry. Comments on lines above
/// stay.
///
/// # Errors
/// [`Refused`] for flow style, for lists that an alias or merge brings, and where the service would be left empty.
pub fn remove_mounts(
    text: &str,
    compose: &Compose,
    service: &str,
    indexes: &[usize],
) -> Result<Vec<Edit>, Refused> {
    let editor = Editor::new(text, compose)?;
    let Some(service) = compose.service(service) else {
        return refuse(Span::point(0), "the file has no such service");
    };
    let mut going = Vec::new();
    for &index in indexes {
        let Some(mount) = service.mounts.get(index) else {
            return refuse(service.name.at.span, "the service has no such mount");
        };
        going.push(mount);
    }
    let nodes: Vec<NodeId> = going.iter().map(|mount| mount.node).collect();
    let entries: Vec<Entry> =
        ["volumes", "tmpfs"].iter().filter_map(|key| editor.own(service.node, key)).collect();
    let mut lines = Vec::new();
    for mount in &going {
        let found =
            entries.iter().find_map(|entry| editor.lines_of(service.node, *entry, mount.node, &nodes));
        let Some(found) = found else {
            return refuse(
                mount.at.span,
                "the mount is not written in the service itself: other services may share it",
            );
        };
        lines.push(found?);
    }
    // The last entries of a list go together, with its key.
    lines.dedup();
    let edits = lines.into_iter().map(|span| Edit::replace(span, "")).collect();
    let at = going.first().map_or(service.name.at.span, |mount| mount.at.span);
    editor.verified(compose, edits, at, |mut wanted| {
        if wanted.name() == service.name.value {
            let mut index = 0;
            wanted.mounts.retain(|_| {
                index += 1;
                !indexes.contains(&(index - 1))
            });
        }
        wanted
    })
}

impl Editor<'_> {
    /// The lines to delete so that the item goes, one of those that are `going`; `None` if the item is not below the
    /// entry.
    fn lines_of(
        &self,
        service: NodeId,
        entry: Entry,
        item: NodeId,
        going: &[NodeId],
    ) -> Option<Result<Span, Refused>> {
        let alone = match &self.tree.node(entry.value).kind {
            Kind::Sequence { items, style } => {
                if !items.contains(&item) {
                    return None;
                }
                if *style == Style::Flow {
                    return Some(refuse(self.span(item), "the list is in flow style: change it by hand"));
                }
                items.iter().all(|item| going.contains(item))
            }
            Kind::Scalar { .. } if entry.value == item => true,
            _ => return None,
        };
        Some(if alone { self.whole_entry(service, entry) } else { self.item_lines(item) })
    }

    fn whole_entry(&self, service: NodeId, entry: Entry) -> Result<Span, Refused> {
        let span = self.span(entry.key);
        if self.style(service) == Some(Style::Flow) {
            return refuse(span, "the service is in flow style: change it by hand");
        }
        if self.tree.entries(service).unwrap_or_default().len() < 2 {
            return refuse(span, "nothing would be left of the service");
        }
        self.indent(entry.key)?;
        Ok(self.lines(span.start(), self.span(entry.value).end()))
    }

    fn item_lines(&self, item: NodeId) -> Result<Span, Refused> {
        let node = self.tree.node(item);
        let start = node.outer_start();
        let lead = &self.text[self.line_start(start)..start];
        if !is_dash(lead) {
            return refuse(node.span, "something else stands on the line of the entry: change it by hand");
        }
        Ok(self.lines(start, node.span.end()))
    }

    /// Whole lines, with the newline behind them; at the end of a file without one, the newline before them.
    fn lines(&self, start: usize, end: usize) -> Span {
        let (start, end) = (self.line_start(start), self.line_end(end));
        if let Some(newline) = self.text[end..].find('\n') {
            return Span::new(start, end + newline + 1);
        }
        let before = self.text[..start].strip_suffix('\n').unwrap_or(&self.text[..start]);
        Span::new(before.strip_suffix('\r').unwrap_or(before).len(), end)
    }
}
