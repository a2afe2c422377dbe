//! Trees that are put together from other trees: what a merge of several files needs.

use super::{Entry, Kind, Node, NodeId, Tree};

impl NodeId {
    /// Its number: nodes of a tree count from 0, without gaps.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Tree {
    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a node; its children must be in the tree already.
    ///
    /// # Panics
    /// Past 4 billion nodes.
    pub fn push(&mut self, node: Node) -> NodeId {
        let id = u32::try_from(self.nodes.len()).expect("who merges counts nodes long before");
        self.nodes.push(node);
        NodeId(id)
    }

    /// Makes a node the root.
    pub fn set_root(&mut self, root: NodeId) {
        self.root = Some(root);
    }

    /// Adds every node of another tree, spans kept, and returns what became of its root.
    ///
    /// # Panics
    /// Past 4 billion nodes.
    pub fn graft(&mut self, other: &Self) -> Option<NodeId> {
        let offset = u32::try_from(self.nodes.len()).expect("who merges counts nodes long before");
        let moved = |id: NodeId| NodeId(id.0 + offset);
        self.nodes.extend(other.nodes.iter().map(|node| {
            let mut node = node.clone();
            match &mut node.kind {
                Kind::Scalar { .. } => {}
                Kind::Sequence { items, .. } => items.iter_mut().for_each(|id| *id = moved(*id)),
                Kind::Mapping { entries, .. } => {
                    for entry in entries {
                        *entry = Entry { key: moved(entry.key), value: moved(entry.value) };
                    }
                }
                Kind::Alias { target } => *target = moved(*target),
            }
            node
        }));
        other.root.map(moved)
    }
}
