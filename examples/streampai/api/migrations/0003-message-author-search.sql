-- "What has this person written": newest first for one author, whatever the case.
create index messages_author on messages (lower(author), id desc);
