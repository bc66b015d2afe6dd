-- The table as the API made it before it had migrations (create_all of SQLModel 0.0.50), for text ids.

CREATE TABLE todo (
	id UUID DEFAULT gen_random_uuid() NOT NULL,
	user_id TEXT NOT NULL,
	title TEXT NOT NULL,
	description TEXT,
	completed BOOLEAN DEFAULT false NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE,
	PRIMARY KEY (id),
	FOREIGN KEY(user_id) REFERENCES "user" (id) ON DELETE CASCADE
);
CREATE INDEX todo_completed_page_idx ON todo (user_id, completed, created_at, id);
CREATE INDEX todo_page_idx ON todo (user_id, created_at, id);
ALTER TABLE todo OWNER TO todo_api;
