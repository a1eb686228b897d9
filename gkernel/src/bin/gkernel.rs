//! The guest of the story.
#![cfg_attr(target_os = "none", no_std, no_main)]

gkernel::guest!(gkernel::story);
