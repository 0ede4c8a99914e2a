-- Publishers are pinned by the first import that brings some of a name. Earlier versions pinned those of every later import, too.
DELETE FROM signers WHERE bundle > (SELECT min(first.bundle) FROM signers first WHERE first.name = signers.name);
