//! Plain text out of Markdown: the first paragraph, the first heading, the links.
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The first paragraph with words in it that stands for itself, not in a list, quotation or table.
pub fn first_paragraph(markdown: &str) -> Option<String> {
    let mut events = parse(markdown);
    let mut depth = 0;
    while let Some(event) = events.next() {
        match event {
            Event::Start(Tag::Paragraph) if depth == 0 => {
                let text = plain(&mut events, TagEnd::Paragraph);
                if !text.is_empty() {
                    return Some(text);
                }
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The first heading with words in it, whatever its level.
pub fn first_heading(markdown: &str) -> Option<String> {
    let mut events = parse(markdown);
    while let Some(event) = events.next() {
        if let Event::Start(Tag::Heading { level, .. }) = event {
            let text = plain(&mut events, TagEnd::Heading(level));
            if !text.is_empty() {
                return Some(text);
            }
        }
    }
    None
}

/// Where the links lead, in the order of the text.
pub fn links(markdown: &str) -> Vec<String> {
    let targets = parse(markdown).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
        _ => None,
    });
    targets.collect()
}

/// The text if it has at most `max` characters, else as many whole words of it as fit, with an ellipsis.
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let end = text.char_indices().nth(max.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let (head, tail) = text.split_at(end);
    let whole = if tail.starts_with(char::is_whitespace) {
        head
    } else {
        head.rsplit_once(char::is_whitespace).map_or(head, |(words, _)| words)
    };
    format!("{}…", whole.trim_end_matches(|c: char| c.is_whitespace() || ",;:–—-".contains(c)))
}

fn parse(markdown: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    Parser::new_ext(markdown, options)
}

/// The words up to `end`; what pictures stand for is left out.
fn plain(events: &mut Parser<'_>, end: TagEnd) -> String {
    let mut text = String::new();
    let mut pictures = 0;
    for event in events {
        match event {
            Event::End(tag) if tag == end => break,
            Event::Start(Tag::Image { .. }) => pictures += 1,
            Event::End(TagEnd::Image) => pictures -= 1,
            Event::Text(words) | Event::Code(words) if pictures == 0 => text.push_str(&words),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_paragraph_is_plain_text() {
        let text = "# Glue\n\n![A clamp](c.png)\n\n> Said\n> once.\n\n- a list\n\nUse *hide* glue, `hot`,\nand [wait](x).\n\nMore.";
        assert_eq!(first_paragraph(text).as_deref(), Some("Use hide glue, hot, and wait."));
        assert_eq!(first_paragraph("- only\n- lists"), None);
    }

    #[test]
    fn the_first_heading_may_have_any_level() {
        assert_eq!(
            first_heading("Words\n\n#### The `--watch` *flag*\n").as_deref(),
            Some("The --watch flag")
        );
        assert_eq!(first_heading("Setext\n===\n").as_deref(), Some("Setext"));
        assert_eq!(first_heading("```\n# not one\n```\n"), None);
    }

    #[test]
    fn text_is_cut_between_words() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("one two, three", 9), "one two…");
        assert_eq!(cut("one two three", 8), "one two…");
        assert_eq!(cut("ääääääääää", 4), "äää…");
    }
}
