//! Puts the commands of a script together into lists, pipelines and compound commands.

use super::{
    AndOr, Compound, Element, Link, List, Part, Pipeline, Program,
    scan::{Event, Reading},
};

/// Deeper compound commands are read as if they were not there.
const DEEPEST: usize = 60;

pub(super) fn build(reading: Reading) -> Program {
    let mut builder =
        Builder { open: vec![Open::new(None, None)], too_deep: 0, function: None, inner: Vec::new() };
    for event in reading.events {
        builder.event(event);
    }
    while builder.open.len() > 1 {
        builder.close();
    }
    let mut top = builder.open.pop().expect("the text itself is never closed");
    top.end_item(false);
    let list = top.parts.pop().map(|part| part.list).unwrap_or_default();
    Program { commands: reading.commands, list, heredocs: reading.heredocs }
}

/// A compound command that is not closed yet.
struct Open {
    kind: Option<Compound>,
    function: Option<String>,
    parts: Vec<Part>,
    item: AndOr,
    pipeline: Pipeline,
    link: Link,
    /// Whether `|` was the last thing.
    piped: bool,
}

impl Open {
    fn new(kind: Option<Compound>, function: Option<String>) -> Self {
        let condition = matches!(kind, Some(Compound::If | Compound::Loop));
        Self {
            kind,
            function,
            parts: vec![Part { condition, list: List::default() }],
            item: AndOr::default(),
            pipeline: Pipeline::default(),
            link: Link::First,
            piped: false,
        }
    }

    fn push(&mut self, element: Element) {
        self.pipeline.elements.push(element);
        self.piped = false;
    }

    fn end_pipeline(&mut self) {
        let pipeline = std::mem::take(&mut self.pipeline);
        if !pipeline.elements.is_empty() {
            let link = if self.item.pipelines.is_empty() { Link::First } else { self.link };
            self.item.pipelines.push((link, pipeline));
        }
    }

    fn end_item(&mut self, background: bool) {
        self.end_pipeline();
        let mut item = std::mem::take(&mut self.item);
        self.link = Link::First;
        if let Some(part) = self.parts.last_mut().filter(|_| !item.pipelines.is_empty()) {
            item.background = background;
            part.list.items.push(item);
        }
    }

    fn operator(&mut self, link: Link) {
        self.end_pipeline();
        self.link = link;
    }

    fn part(&mut self, condition: bool) {
        self.end_item(false);
        self.parts.push(Part { condition, list: List::default() });
    }
}

struct Builder {
    /// Never empty.
    open: Vec<Open>,
    /// How many compound commands are open beyond the deepest.
    too_deep: usize,
    function: Option<String>,
    inner: Vec<usize>,
}

impl Builder {
    fn last(&mut self) -> &mut Open {
        self.open.last_mut().expect("the text itself is never closed")
    }

    fn event(&mut self, event: Event) {
        // A newline between `||`, `&&` or `|` and the command ends nothing.
        let waiting = {
            let last = self.last();
            let operator = !last.item.pipelines.is_empty() && last.link != Link::First;
            last.piped || (operator && last.pipeline.elements.is_empty())
        };
        match event {
            Event::Inner(index) => self.inner.push(index),
            Event::Command(command) => {
                self.function = None;
                let inner = std::mem::take(&mut self.inner);
                self.last().push(Element::Simple { command, inner });
            }
            Event::Then if waiting => {}
            Event::Then => self.last().end_item(false),
            Event::Background => self.last().end_item(true),
            Event::And => self.last().operator(Link::And),
            Event::Or => self.last().operator(Link::Or),
            Event::Pipe => self.last().piped = true,
            Event::Not => self.last().pipeline.negated = true,
            Event::Function(name) => self.function = Some(name),
            Event::Open(_) if self.open.len() >= DEEPEST => self.too_deep += 1,
            Event::Open(kind) => {
                let function = self.function.take();
                self.open.push(Open::new(Some(kind), function));
            }
            Event::Condition | Event::Arm if self.too_deep > 0 => {}
            Event::Condition => self.last().part(true),
            Event::Arm => self.last().part(false),
            Event::Close if self.too_deep > 0 => self.too_deep -= 1,
            Event::Close => self.close(),
        }
    }

    fn close(&mut self) {
        if self.open.len() == 1 {
            return;
        }
        let mut closed = self.open.pop().expect("more than the text is open");
        closed.end_item(false);
        closed.parts.retain(|part| !part.list.items.is_empty());
        let element = match (closed.function, closed.kind) {
            (Some(name), _) => {
                let body =
                    List { items: closed.parts.into_iter().flat_map(|part| part.list.items).collect() };
                Element::Function { name, body }
            }
            (None, kind) => Element::Compound { kind: kind.unwrap_or(Compound::Group), parts: closed.parts },
        };
        self.last().push(element);
    }
}
