BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE accounts (
	id VARCHAR(24) NOT NULL, 
	name VARCHAR(96) NOT NULL, 
	"key" VARCHAR(96) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	full_name VARCHAR(200) NOT NULL, 
	email VARCHAR(200) NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	children VARCHAR(32) NOT NULL, 
	created_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE ("key")
);
CREATE TABLE objects (
	sha256 VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	"key" VARCHAR(200) NOT NULL, 
	xet_hash VARCHAR(64) NOT NULL, 
	terms BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	touched_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256)
);
CREATE TABLE secrets (
	name VARCHAR(64) NOT NULL, 
	value VARCHAR(128) NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE trees (
	oid VARCHAR(40) NOT NULL, 
	data BLOB NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (oid)
);
CREATE TABLE xorbs (
	hash VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	"key" VARCHAR(200) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	chunks BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	touched_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (hash)
);
CREATE TABLE memberships (
	organization_id VARCHAR(24) NOT NULL, 
	user_id VARCHAR(24) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	created_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (organization_id, user_id), 
	FOREIGN KEY(organization_id) REFERENCES accounts (id), 
	FOREIGN KEY(user_id) REFERENCES accounts (id)
);
CREATE TABLE repositories (
	id VARCHAR(24) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	owner_id VARCHAR(24) NOT NULL, 
	namespace VARCHAR(96) NOT NULL, 
	name VARCHAR(96) NOT NULL, 
	"key" VARCHAR(208) NOT NULL, 
	visibility VARCHAR(16) NOT NULL, 
	gated VARCHAR(16) NOT NULL, 
	head VARCHAR(40) NOT NULL, 
	commits INTEGER NOT NULL, 
	changes INTEGER NOT NULL, 
	downloads BIGINT NOT NULL, 
	library VARCHAR(96) NOT NULL, 
	pipeline VARCHAR(96) NOT NULL, 
	parameters BIGINT, 
	children VARCHAR(32) NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(owner_id) REFERENCES accounts (id), 
	UNIQUE ("key")
);
CREATE TABLE tokens (
	id VARCHAR(24) NOT NULL, 
	account_id VARCHAR(24) NOT NULL, 
	name VARCHAR(96) NOT NULL, 
	secret_digest VARCHAR(64) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account_id) REFERENCES accounts (id), 
	UNIQUE (secret_digest)
);
CREATE TABLE xorb_uses (
	sha256 VARCHAR(64) NOT NULL, 
	xorb VARCHAR(64) NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (sha256, xorb), 
	FOREIGN KEY(sha256) REFERENCES objects (sha256), 
	FOREIGN KEY(xorb) REFERENCES xorbs (hash)
);
CREATE TABLE commits (
	repository_id VARCHAR(24) NOT NULL, 
	oid VARCHAR(40) NOT NULL, 
	number INTEGER NOT NULL, 
	parent VARCHAR(40) NOT NULL, 
	tree VARCHAR(40) NOT NULL, 
	title TEXT NOT NULL, 
	message TEXT NOT NULL, 
	author VARCHAR(96) NOT NULL, 
	summary TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (repository_id, oid), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id), 
	FOREIGN KEY(tree) REFERENCES trees (oid), 
	UNIQUE (repository_id, number)
);
CREATE TABLE former_names (
	"key" VARCHAR(208) NOT NULL, 
	repository_id VARCHAR(24) NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY ("key"), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id)
);
CREATE TABLE ref_changes (
	repository_id VARCHAR(24) NOT NULL, 
	number INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	old VARCHAR(40) NOT NULL, 
	new VARCHAR(40) NOT NULL, 
	author VARCHAR(96) NOT NULL, 
	created_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (repository_id, number), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id)
);
CREATE TABLE refs (
	repository_id VARCHAR(24) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	target VARCHAR(40) NOT NULL, 
	message TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (repository_id, name), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id)
);
CREATE TABLE repository_tags (
	repository_id VARCHAR(24) NOT NULL, 
	tag VARCHAR(200) NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (repository_id, tag), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id)
);
CREATE TABLE uploads (
	repository_id VARCHAR(24) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (repository_id, sha256), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id), 
	FOREIGN KEY(sha256) REFERENCES objects (sha256)
);
CREATE TABLE uses (
	repository_id VARCHAR(24) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (repository_id, sha256), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id), 
	FOREIGN KEY(sha256) REFERENCES objects (sha256)
);
CREATE TABLE bundle_facts (
	manifest VARCHAR(64) NOT NULL, 
	bundle_id VARCHAR(64) NOT NULL, 
	problem TEXT NOT NULL, 
	facts TEXT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (manifest)
);
CREATE TABLE evidence (
	id VARCHAR(64) NOT NULL, 
	repository_id VARCHAR(24) NOT NULL, 
	bundle_id VARCHAR(64) NOT NULL, 
	origin VARCHAR(16) NOT NULL, 
	sender VARCHAR(96) NOT NULL, 
	experiment VARCHAR(64) NOT NULL, 
	found_on VARCHAR(200) NOT NULL, 
	dataset VARCHAR(200) NOT NULL, 
	network VARCHAR(200) NOT NULL, 
	body TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id, repository_id), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id)
);
CREATE TABLE evidence_levels (
	evidence_id VARCHAR(64) NOT NULL, 
	repository_id VARCHAR(24) NOT NULL, 
	level INTEGER NOT NULL, 
	place VARCHAR(4) NOT NULL, 
	density DOUBLE NOT NULL, 
	transferred DOUBLE NOT NULL, 
	head VARCHAR(24) NOT NULL, 
	n INTEGER NOT NULL, 
	tickets INTEGER, 
	accuracy DOUBLE NOT NULL, 
	low DOUBLE, 
	high DOUBLE, 
	gain DOUBLE, 
	gain_low DOUBLE, 
	gain_high DOUBLE, 
	verdict VARCHAR(24) NOT NULL, 
	reason TEXT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (evidence_id, repository_id, level), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id)
);
CREATE TABLE ticket_versions (
	repository_id VARCHAR(24) NOT NULL, 
	oid VARCHAR(40) NOT NULL, 
	number INTEGER NOT NULL, 
	manifest VARCHAR(64) NOT NULL, 
	problem TEXT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (repository_id, oid), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id)
);
CREATE TABLE tickets (
	number BIGINT NOT NULL, 
	id VARCHAR(24) NOT NULL, 
	repository_id VARCHAR(24), 
	source VARCHAR(300) NOT NULL, 
	owner_id VARCHAR(24) NOT NULL, 
	visibility VARCHAR(16) NOT NULL, 
	namespace VARCHAR(96) NOT NULL, 
	name VARCHAR(96) NOT NULL, 
	"key" VARCHAR(200) NOT NULL, 
	head VARCHAR(40) NOT NULL, 
	manifest VARCHAR(64) NOT NULL, 
	bundle_id VARCHAR(64) NOT NULL, 
	network VARCHAR(200) NOT NULL, 
	dataset VARCHAR(200) NOT NULL, 
	recipe VARCHAR(200) NOT NULL, 
	trials INTEGER NOT NULL, 
	levels INTEGER NOT NULL, 
	prunable BIGINT NOT NULL, 
	level INTEGER NOT NULL, 
	rule VARCHAR(24) NOT NULL, 
	density DOUBLE NOT NULL, 
	accuracy DOUBLE NOT NULL, 
	low DOUBLE, 
	high DOUBLE, 
	gain DOUBLE, 
	gain_low DOUBLE, 
	gain_high DOUBLE, 
	n INTEGER NOT NULL, 
	verdict VARCHAR(24) NOT NULL, 
	density_bits BIGINT NOT NULL, 
	accuracy_bits BIGINT NOT NULL, 
	verdicts INTEGER NOT NULL, 
	words TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (number), 
	FOREIGN KEY(repository_id) REFERENCES repositories (id), 
	FOREIGN KEY(manifest) REFERENCES bundle_facts (manifest), 
	UNIQUE (id)
);
CREATE TABLE ticket_levels (
	ticket_id VARCHAR(24) NOT NULL, 
	level INTEGER NOT NULL, 
	density DOUBLE NOT NULL, 
	accuracy DOUBLE NOT NULL, 
	verdict VARCHAR(24) NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (ticket_id, level), 
	FOREIGN KEY(ticket_id) REFERENCES tickets (id)
);
CREATE VIRTUAL TABLE ticket_words USING fts5(words, tokenize='unicode61 remove_diacritics 0');
CREATE TABLE job_workers (
	id VARCHAR(24) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	device VARCHAR(64) NOT NULL, 
	engine VARCHAR(16) NOT NULL, 
	job_id VARCHAR(24) NOT NULL, 
	started_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	stopped_at BIGINT, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE job_quotas (
	account_id VARCHAR(24) NOT NULL, 
	seconds BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (account_id), 
	FOREIGN KEY(account_id) REFERENCES accounts (id)
);
CREATE TABLE jobs (
	id VARCHAR(24) NOT NULL, 
	account_id VARCHAR(24) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	title VARCHAR(300) NOT NULL, 
	spec TEXT NOT NULL, 
	repository VARCHAR(400) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	priority INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	losses INTEGER NOT NULL, 
	stop VARCHAR(16) NOT NULL, 
	worker_id VARCHAR(24) NOT NULL, 
	lease_until BIGINT NOT NULL, 
	progress TEXT NOT NULL, 
	events INTEGER NOT NULL, 
	estimate TEXT NOT NULL, 
	result TEXT NOT NULL, 
	problem TEXT NOT NULL, 
	remedy TEXT NOT NULL, 
	used BIGINT NOT NULL, 
	idempotency_key VARCHAR(100), 
	request_digest VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	finished_at BIGINT, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account_id) REFERENCES accounts (id), 
	UNIQUE (account_id, idempotency_key)
);
CREATE TABLE job_events (
	job_id VARCHAR(24) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	data TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	digest VARCHAR(32) NOT NULL, 
	PRIMARY KEY (job_id, number), 
	FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "alembic_version" ("version_num") VALUES('v1');
INSERT INTO "accounts" ("id","name","key","kind","full_name","email","disabled","created_at","digest","children") VALUES('34ad2a7bdc11cbcc4dcf3bdf','ada','ada','user','','',0,1795240197343598,'ec5f2cb38567cf157c2ac6fc7b1ddb0a','33ec8faa3ad248c28e6bc7543069f25e');
INSERT INTO "accounts" ("id","name","key","kind","full_name","email","disabled","created_at","digest","children") VALUES('17c7bd3a225898e7dd23ad13','lab','lab','organization','','',0,1795240197350965,'2b711c4edaac359ce18269609faa0bc7','2113a108a01a9995b9ee81bae16fef2a');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('bbbd43d093caf6decb66f5b8f31774b8d4ad2576e79bd129e3004922ca70adae',1475,'objects/bb/bd/bbbd43d093caf6decb66f5b8f31774b8d4ad2576e79bd129e3004922ca70adae-1a9ac35e','',X'',1795240200099549,1795240200921518,'69444fde134b1575bedf57bae323e25f');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('9e3552bd277e63477318aa174dd0e07cc658151bf78bc6ecf534863c697b6103',269,'objects/9e/35/9e3552bd277e63477318aa174dd0e07cc658151bf78bc6ecf534863c697b6103-6047e726','',X'',1795240200380581,1795240200792184,'93b6f6b08cf2eafa3f5659616cf24978');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('6d05aa4edb872fdadaf4f120c5b29e1acb828e6e40dad7866cf825457cc05183',269,'objects/6d/05/6d05aa4edb872fdadaf4f120c5b29e1acb828e6e40dad7866cf825457cc05183-e8b93eb7','',X'',1795240200428324,1795240200798208,'df877a3c7f64486126cb341959c6945a');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('b68fe8ec2f9a429b0fb244acf377fee6613fee3693e1bddb0be73f765036486a',269,'objects/b6/8f/b68fe8ec2f9a429b0fb244acf377fee6613fee3693e1bddb0be73f765036486a-6377e9d5','',X'',1795240200444125,1795240200793563,'eac21dc764008a11b913910416f5207a');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('89ab9464af479e96cb3bc7975c209d21d9188f113ba86944881270bf2d25ad7d',269,'objects/89/ab/89ab9464af479e96cb3bc7975c209d21d9188f113ba86944881270bf2d25ad7d-3e790565','',X'',1795240200448875,1795240200794211,'cda55bd21eba18901b9440df9295887f');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('bef0f0611b66eb92689c70f6b1657176703d47c1c953e55afcf3aff36fe2f0e2',269,'objects/be/f0/bef0f0611b66eb92689c70f6b1657176703d47c1c953e55afcf3aff36fe2f0e2-d4aa2be7','',X'',1795240200469354,1795240200792888,'e7b1c0f50c30d5d9d1f520cad7454465');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('1eae7507943264e60256836f1b23471bffccc014e4067d316eb1922cfbb92ee6',269,'objects/1e/ae/1eae7507943264e60256836f1b23471bffccc014e4067d316eb1922cfbb92ee6-a22a5455','',X'',1795240200492328,1795240200796281,'1176cb0282c0e3053bcd6a203b1fe81b');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('0c23f706dde1d3fcac62b9bb3e44a1bd5a9bed76e970106f7ff056cb9e2e2d70',269,'objects/0c/23/0c23f706dde1d3fcac62b9bb3e44a1bd5a9bed76e970106f7ff056cb9e2e2d70-5d59b459','',X'',1795240200496087,1795240200795630,'6b54fa3d9e3313b1d77ebd03d0bd1d81');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('8531a7923f7365201a53c45dc820a898350985b6bc39b76ec23f64f052b10ba1',269,'objects/85/31/8531a7923f7365201a53c45dc820a898350985b6bc39b76ec23f64f052b10ba1-0bdab79a','',X'',1795240200517405,1795240200796909,'8cb0c8b57a84ed9a6bfb268d81b17b6b');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('cba841d6cc35d5f62daf4c2e0211183fff38be40500091783145a6777f6ccac6',269,'objects/cb/a8/cba841d6cc35d5f62daf4c2e0211183fff38be40500091783145a6777f6ccac6-a724a6f7','',X'',1795240200519923,1795240200797552,'6163a8a7becca0fe92ca60a241d86562');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('919b2c7f9497a4138cbf3e90aeafe20aacc71a11ef4a7983cfe4acb8873a0de3',269,'objects/91/9b/919b2c7f9497a4138cbf3e90aeafe20aacc71a11ef4a7983cfe4acb8873a0de3-f0bd091c','',X'',1795240200532603,1795240200798837,'84deb046a5ebd30bec91f5662f6b4f5e');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('5668b9fcbfed0f90b71d5b2a993736f20f5b5a74879e0cecc717c2df4dcff94a',269,'objects/56/68/5668b9fcbfed0f90b71d5b2a993736f20f5b5a74879e0cecc717c2df4dcff94a-7c922dbb','',X'',1795240200534110,1795240200800093,'427eb073587690358ae9be03adc2346d');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('b4ea95c7a9d64f53128b13c1f6e0da028b0442a9f2b1069155a2ceed759745ec',269,'objects/b4/ea/b4ea95c7a9d64f53128b13c1f6e0da028b0442a9f2b1069155a2ceed759745ec-47bc26cf','',X'',1795240200535193,1795240200799488,'9d6fdb88786bf1512b9561eb094c1052');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('1676343193ddf7279a0a000da1fc05478fb681707be6341ea35ecfdf4ac3416d',3368,'objects/16/76/1676343193ddf7279a0a000da1fc05478fb681707be6341ea35ecfdf4ac3416d-f8209a25','',X'',1795240200568834,1795240200801276,'a179d550d7cadbc9839a70c1dc4b7294');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('ef3722f6230a3c731260087c4c35747cc0e11e128a0e0801edc56a9102113669',3368,'objects/ef/37/ef3722f6230a3c731260087c4c35747cc0e11e128a0e0801edc56a9102113669-9fe6a186','',X'',1795240200592380,1795240200801863,'a326a3f32eccc877a68550a3f205cf42');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('fbc1fcc416ae789ac02444d982602df5fd6b835d2b8d5f05cd279f78b07d59b3',3368,'objects/fb/c1/fbc1fcc416ae789ac02444d982602df5fd6b835d2b8d5f05cd279f78b07d59b3-6469fd91','',X'',1795240200601311,1795240200802677,'8c170836686efc48842adab2545d5780');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('51e8a59ded76b2730f4e908824fee41d5121c7ae24c1fe1437c43362b1aa38d3',269,'objects/51/e8/51e8a59ded76b2730f4e908824fee41d5121c7ae24c1fe1437c43362b1aa38d3-af7683a9','',X'',1795240200606408,1795240200800687,'1372a93708aa323789f9435bb87f4dc7');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('02cf8c39199e6ff98fd2f7df61c1ae58d7ab401a58a343e38fe2484f31fc47ff',3368,'objects/02/cf/02cf8c39199e6ff98fd2f7df61c1ae58d7ab401a58a343e38fe2484f31fc47ff-9786103d','',X'',1795240200611723,1795240200803582,'e7c6f6af6afb8eed1d013e463da3b500');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a',7183,'objects/90/e3/90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a-64ccef13','',X'',1795240200677775,1795240200845922,'5073b2140aa97cd48bdc28e58593d4a5');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('532e882a73dd50f01194685343178cb460c0583b57147fc1222b1bf402231fed',2770,'objects/53/2e/532e882a73dd50f01194685343178cb460c0583b57147fc1222b1bf402231fed-888fd6e9','',X'',1795240200678306,1795240200846716,'5d459959e1db29dec6f9d8891c4f41f5');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('ac421a4dc0065c2c3211e7c005a02fcf8a4c4080efb1352a2966a14da46e936f',419,'objects/ac/42/ac421a4dc0065c2c3211e7c005a02fcf8a4c4080efb1352a2966a14da46e936f-64c7e208','',X'',1795240200678634,1795240200847055,'52d8a2e6de7cdaed2ba6e693750a2d28');
INSERT INTO "objects" ("sha256","size","key","xet_hash","terms","created_at","touched_at","digest") VALUES('da8d70309bfebcfc33305f2caf29924ecdad5d0cd0ca5a03c86caab095bfa427',12815,'objects/da/8d/da8d70309bfebcfc33305f2caf29924ecdad5d0cd0ca5a03c86caab095bfa427-fbf58c0f','',X'',1795240200678909,1795240200847379,'6a3ec8ae60c0f23d78de452109e2a127');
INSERT INTO "secrets" ("name","value","digest") VALUES('xet generation','eec32d5ffa73100f','4e2e440a05911a42d603ab705d7f2f16');
INSERT INTO "secrets" ("name","value","digest") VALUES('signing','d72874e9e31208447d8167ad8e18da97b32fa0c573ad25da6b0fe08e840e0d96','b6760a2a619c2c3b131a5d77be609875');
INSERT INTO "trees" ("oid","data","digest") VALUES('1002529bf2004bfb290ae60462993cab11c5d95e',X'789C05C1410E03210800C0BF78360D0282BE65B307106CF6DADAFF77E6BACAEBFD1C3BE7F3F8EFE4B7D4E2EEC1143069D996C8E522BBFBD8D454D947B0057695D4E9D1702601F0445CA66061596A63EDB5E0F231187823772113A524E43D7CB6C5263C370C0EE8A5426DF7FD07509026A9','c07f4ff5d6d6d276b6c411cb6681b54e');
INSERT INTO "trees" ("oid","data","digest") VALUES('79f9d283000d446824f50815d6f264cd6f7c3ab3',X'789CCD57CD8E9C450C7C973DAF82EDB6DDED23123972E11A7170FF184248226597F7A7BE902162E60590565ACDEE4C7FD555E572CDBB774F6F7E7BFF9AAFAF5FDECFBF5ECFCBD3F3D39C736BDB146D65F93E6BBA97CD518D7BD739B6E616EB7E7ACCCD12A7116988ACEC943BCFD3336BB7E72759730C252D51F396DEDB69A23566F0D2748DA2A19BECE9999EF9D7E7774FBFBCFDF1A79FDFBEF9B801C29A9C31247BDBDBA88839D487350588B1A63A2DB2D1A6753CAC168BC8E4594A228DEBE008E99D704EEDD517BB1DF5C63C6AA8A9346067F6166694CEBBBE82900BC4FAFCA9DEFFF6E68F97CF9F0023970AA7EE45E4B66435613E1DAF2C496AD5485D4A834E4D6E2629E19EAC3BD54F34AFA767E5C031EC13FF038754A673995A8F6ECB7207F119B3CF1135F85F141FF3E5C3CB0FF403BD79C93AAFE7D3CBE72F97360EBE32F5EC39BAD406DDA5C542CB2684E004E5328E1F25FCAF0F774094EB690B74F168A0C5812766F6DD962E40AF35E3D228566A6C6E9D4B8F778E348194FFC5C3777820BE99CC0DB28F37EDBDF1C8E4AE7BD3213CD56DB041983EE6F2B30A0A0E6FCBA34F67BAE1A97018A90834404819631A5CB7F4AC80F19A1EA13EBAFB031EB9C3330F1826678667CF0CF111AB53F984033A77EFD4B6C20F38B71DB384842DABA0D491A223DFF06CB8690C5F678D657672F8E632389E3B645A6269C01BF580A7DDE3F151679C2515A93000D514D5C4537BAF73DCB9E157F36887E7DE93E6E9ADBA1B350751F90D8F43F4D3A29FD61B8C656C661C6B4F3D675474908EA9487BC0A377784624D476856D7A9CF035DB5C5FAD28145B78078F51CC6DE2CEA13A064BA759828987A1F6373CE4F3B45288064ACB6A3A64425A40719ADE4FAFB17B08DDE1E1FF999FF9C1CFB404F493EF7D78B75AB95C66CCD90E5483429631CF46F6452726AF5E450616E3C891DDE986C723E92C83F9DCC59D74E010F7906D381A896695B4FB039E7B3FF3C9D38D7A6813C73548CC07DCCA53306D98AB5A60821504391860989EAF28AE09F3C35FDFF068E02DBCDC7762C0A2194426A0486A65DB90DC6B2385CE039E7B3F238139A12C486A6E429C06DA6DAF21942346338A61D3E76A3141D345A72B38423AD34CBECDBBC21F07CB61823CE884FB8D053429BADAEE502A5DCEE6073CF77E5EF0A9F2C6210DF72897CB404B0E21A7618FC268E35A4A464481CDD1580D9B08C3773D77DDF8395BA66214F03E888351E8B8460C44FA990BBA46C3DC9E073FCBFFCCCFF298CF1C5356AFD0E8A9DCB03AAB9DA03C781B24CBB53A27765A29641D6DD5D10BE4E80DFE3C373CDB38B1B7C7B0BE2B6B76AB73C5F79C62482C3F3C88F6D0073C0FF9AC27C356CFD8B005CC24038B7371F901238457A42A1975F9C5033997B20E26CEA2AB9D75CBC3F4BC669233B1880376430075259009A68760A12361E5DE3FF2E06773C7BD40312A0355D0ECBC2155465C495B82753D2DBB0EA425611D80AD0E43141A4181D45B3EC36B5810F85C9F907B84115B75E50B608622F31D3D20D7039E7B3F1BCA405AEC2B63A6F446D03A084548B1266074AC1D067B07738296C3DAFAD2D6905178501BFBA65747D918032AC333C3B0228ECEC0E486B2B8B53CD00C9B707EC7735000D7CBADF6202610668D02BCCC55ABB586C442C32B6C3DC15A867B6DD3C2CF25405BD8959993B0AD0B7BEECA35C1DEC7419BAFD0C148F98CAB0FAC653562C3C5AA36825107C9697F2F3E9FF7F9F33E04BDFB55FC025DB0BA74646B629E7772616AB40FEC9FC11DEDE1EA20884C8CED2A88940B2F1D8783A2015650CAB8EF80FDD714F11DF011DA5BCC26F86C0BD8807AE6BFACBCFE7E5EF3B1849DCB5B82B069946DA1F288130D288110EA7A8DF2C1448101EC000C309FBDCC33F80AA5862570C3839832E6D516B8F2DD36A354271A0C2301BD21E691B6C830BAC7733FE4356186B570552C0B6CF845E818BA6300D7D751D88E1265C8B8818C245BA86B713532EADB70F91B9E3C8C2E0F453B3724D716DD2E182F44206ACCBAB6D786A3E73D9EFB2127EC9F8105C011C73126A3B61482C379711E83B572EAB53A4642D6D3604FD1A1F87E510B65BE6E7830630D7FCB86FD87E5822CEF57CE07FA2061180E11AA0BC8FD8EE7FDFA705E6F260E4247E9F8FAA097FDBDA61D2A8110292D1035F82CA30416B6B801109E83E4C0606F1455D454D800BDAA815E80C2E3317B58B118EDD6C01E6828C986BDB0E17D1593FAC7C3BFFE0DDFEDAD57','f7af69b78b126cbe4046d8ae609b5ac6');
INSERT INTO "memberships" ("organization_id","user_id","role","created_at","digest") VALUES('17c7bd3a225898e7dd23ad13','34ad2a7bdc11cbcc4dcf3bdf','admin',1795240197357810,'89538d211c1ed7c538ea969957dd861a');
INSERT INTO "repositories" ("id","kind","owner_id","namespace","name","key","visibility","gated","head","commits","changes","downloads","library","pipeline","parameters","created_at","updated_at","digest","children") VALUES('e9652f58c37bc1998e3d73dd','model','34ad2a7bdc11cbcc4dcf3bdf','ada','golden','model/ada/golden','accounts','','c39ec6371b299ccbfff54e5b54f7ccf02a9f16ee',2,3,0,'ticket-hub','image-classification',760,1795240200096520,1795240200694525,'c651cbcb23984ce0fee53dc326408d15','');
INSERT INTO "repositories" ("id","kind","owner_id","namespace","name","key","visibility","gated","head","commits","changes","downloads","library","pipeline","parameters","created_at","updated_at","digest","children") VALUES('a58e38c2ab222c30c60ddc22','model','17c7bd3a225898e7dd23ad13','lab','hidden','model/lab/hidden','private','','862b755a0a83c00b8d9eae6cb0244dd8645ed07e',2,2,0,'ticket-hub','image-classification',760,1795240200748578,1795240200859004,'56291a9bd077935b3f37102a8b0b423d','');
INSERT INTO "repositories" ("id","kind","owner_id","namespace","name","key","visibility","gated","head","commits","changes","downloads","library","pipeline","parameters","created_at","updated_at","digest","children") VALUES('fda7d302f5121386cf5af5ad','model','34ad2a7bdc11cbcc4dcf3bdf','ada','plain','model/ada/plain','accounts','','99291b5c69ae426152b37ed00129aa213f087f19',1,1,0,'','',NULL,1795240200896761,1795240200898274,'bff786651b72543b6d26ef3c06c00d81','');
INSERT INTO "repositories" ("id","kind","owner_id","namespace","name","key","visibility","gated","head","commits","changes","downloads","library","pipeline","parameters","created_at","updated_at","digest","children") VALUES('d2ad1ea5efec71d2a94b7bf5','dataset','34ad2a7bdc11cbcc4dcf3bdf','ada','data','dataset/ada/data','accounts','','27b06fbeb7079ab2a5cb8db81130d444f6a04cd9',1,1,0,'','',NULL,1795240200921017,1795240200922397,'e51ed59a46462d6ebf56711d0ddbc9c8','');
INSERT INTO "tokens" ("id","account_id","name","secret_digest","scope","created_at","expires_at","revoked_at","digest") VALUES('a271ba6e15b78aa2e5755dcb','34ad2a7bdc11cbcc4dcf3bdf','token','a93f900bccff0d6e8ecdaa53f6eaccfa7f3f2cb5caeeff1d3a609455ba369f8e','write',1795240197368130,NULL,NULL,'7eac40eeaeb97111f9c2a0aa9a9bc526');
INSERT INTO "commits" ("repository_id","oid","number","parent","tree","title","message","author","summary","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','a174943a783b973201299c13a0bae784660bbdfc',1,'','1002529bf2004bfb290ae60462993cab11c5d95e','initial commit','','ada','{"library":"","pipeline":"","tags":[]}',1795240200111958,'f893857c4a0ec1bc030c3acc7aa9faad');
INSERT INTO "commits" ("repository_id","oid","number","parent","tree","title","message","author","summary","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','c39ec6371b299ccbfff54e5b54f7ccf02a9f16ee',2,'a174943a783b973201299c13a0bae784660bbdfc','79f9d283000d446824f50815d6f264cd6f7c3ab3','Tickets of digits-quick','','ada','{"card":{"library_name":"ticket-hub","metrics":["accuracy"],"model-index":[{"name":"digits-quick","results":[{"dataset":{"name":"digits","type":"digits"},"metrics":[{"name":"test accuracy at the early stop after training, mean of 3","type":"accuracy","value":0.9583333333333334}],"task":{"type":"image-classification"}}]}],"pipeline_tag":"image-classification","tags":["lottery-ticket","pruning","sparsity","lenet-10","digits"]},"config":{"architecture":"lenet-10","num_classes":10},"library":"ticket-hub","pipeline":"image-classification","safetensors":{"parameters":{"F32":760},"total":760},"tags":["ticket-hub","image-classification","safetensors","lottery-ticket","pruning","sparsity","lenet-10","digits"]}',1795240200694525,'f600b7fe74f1e23da4ff55a591747867');
INSERT INTO "commits" ("repository_id","oid","number","parent","tree","title","message","author","summary","created_at","digest") VALUES('a58e38c2ab222c30c60ddc22','5e291fac353c057b34b3aae9d0697e3af726f2cb',1,'','1002529bf2004bfb290ae60462993cab11c5d95e','initial commit','','ada','{"library":"","pipeline":"","tags":[]}',1795240200749889,'78bb3b679be6555143beca4ab781d0ed');
INSERT INTO "commits" ("repository_id","oid","number","parent","tree","title","message","author","summary","created_at","digest") VALUES('a58e38c2ab222c30c60ddc22','862b755a0a83c00b8d9eae6cb0244dd8645ed07e',2,'5e291fac353c057b34b3aae9d0697e3af726f2cb','79f9d283000d446824f50815d6f264cd6f7c3ab3','Tickets of digits-quick','','ada','{"card":{"library_name":"ticket-hub","metrics":["accuracy"],"model-index":[{"name":"digits-quick","results":[{"dataset":{"name":"digits","type":"digits"},"metrics":[{"name":"test accuracy at the early stop after training, mean of 3","type":"accuracy","value":0.9583333333333334}],"task":{"type":"image-classification"}}]}],"pipeline_tag":"image-classification","tags":["lottery-ticket","pruning","sparsity","lenet-10","digits"]},"config":{"architecture":"lenet-10","num_classes":10},"library":"ticket-hub","pipeline":"image-classification","safetensors":{"parameters":{"F32":760},"total":760},"tags":["ticket-hub","image-classification","safetensors","lottery-ticket","pruning","sparsity","lenet-10","digits"]}',1795240200859004,'cd58350200c9011e518b226808a291ed');
INSERT INTO "commits" ("repository_id","oid","number","parent","tree","title","message","author","summary","created_at","digest") VALUES('fda7d302f5121386cf5af5ad','99291b5c69ae426152b37ed00129aa213f087f19',1,'','1002529bf2004bfb290ae60462993cab11c5d95e','initial commit','','ada','{"library":"","pipeline":"","tags":[]}',1795240200898274,'e120d9d5bfd49eb7d994fb66c7568b44');
INSERT INTO "commits" ("repository_id","oid","number","parent","tree","title","message","author","summary","created_at","digest") VALUES('d2ad1ea5efec71d2a94b7bf5','27b06fbeb7079ab2a5cb8db81130d444f6a04cd9',1,'','1002529bf2004bfb290ae60462993cab11c5d95e','initial commit','','ada','{"library":"","pipeline":"","tags":[]}',1795240200922397,'60fb355620aae1e22403b8cdfb67d6bd');
INSERT INTO "ref_changes" ("repository_id","number","name","old","new","author","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd',1,'refs/heads/main','','a174943a783b973201299c13a0bae784660bbdfc','ada',1795240200133681,'a0d1f9444acb2e2fb0a8b6e3d11994ec');
INSERT INTO "ref_changes" ("repository_id","number","name","old","new","author","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd',2,'refs/heads/main','a174943a783b973201299c13a0bae784660bbdfc','c39ec6371b299ccbfff54e5b54f7ccf02a9f16ee','ada',1795240200695866,'38639f680aa5eaa21791767e553c8519');
INSERT INTO "ref_changes" ("repository_id","number","name","old","new","author","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd',3,'refs/tags/v1','','c39ec6371b299ccbfff54e5b54f7ccf02a9f16ee','ada',1795240200705514,'a63041a1950c7956b21dde828283ba1f');
INSERT INTO "ref_changes" ("repository_id","number","name","old","new","author","created_at","digest") VALUES('a58e38c2ab222c30c60ddc22',1,'refs/heads/main','','5e291fac353c057b34b3aae9d0697e3af726f2cb','ada',1795240200750667,'86df56860ca52a71aa1147dd5f667dd3');
INSERT INTO "ref_changes" ("repository_id","number","name","old","new","author","created_at","digest") VALUES('a58e38c2ab222c30c60ddc22',2,'refs/heads/main','5e291fac353c057b34b3aae9d0697e3af726f2cb','862b755a0a83c00b8d9eae6cb0244dd8645ed07e','ada',1795240200859881,'eb361a0dfd11941184874a06415f96b7');
INSERT INTO "ref_changes" ("repository_id","number","name","old","new","author","created_at","digest") VALUES('fda7d302f5121386cf5af5ad',1,'refs/heads/main','','99291b5c69ae426152b37ed00129aa213f087f19','ada',1795240200899209,'27963f1cdc6ff807def1d497c3b69189');
INSERT INTO "ref_changes" ("repository_id","number","name","old","new","author","created_at","digest") VALUES('d2ad1ea5efec71d2a94b7bf5',1,'refs/heads/main','','27b06fbeb7079ab2a5cb8db81130d444f6a04cd9','ada',1795240200927467,'fe0483a84ba971f941337104612cb14c');
INSERT INTO "refs" ("repository_id","name","target","message","created_at","updated_at","digest") VALUES('e9652f58c37bc1998e3d73dd','refs/heads/main','c39ec6371b299ccbfff54e5b54f7ccf02a9f16ee','',1795240200132721,1795240200695192,'643e3aca8a46c8f3a5e29a5f018ca1e8');
INSERT INTO "refs" ("repository_id","name","target","message","created_at","updated_at","digest") VALUES('e9652f58c37bc1998e3d73dd','refs/tags/v1','c39ec6371b299ccbfff54e5b54f7ccf02a9f16ee','',1795240200705350,1795240200705358,'e2c2b8e8b41811428ba18613c899ed83');
INSERT INTO "refs" ("repository_id","name","target","message","created_at","updated_at","digest") VALUES('a58e38c2ab222c30c60ddc22','refs/heads/main','862b755a0a83c00b8d9eae6cb0244dd8645ed07e','',1795240200750560,1795240200859607,'a535af69d7dc1ada28c2f8ec5e3ce39f');
INSERT INTO "refs" ("repository_id","name","target","message","created_at","updated_at","digest") VALUES('fda7d302f5121386cf5af5ad','refs/heads/main','99291b5c69ae426152b37ed00129aa213f087f19','',1795240200899037,1795240200899043,'862f18b0ec831425699f6df497fe3898');
INSERT INTO "refs" ("repository_id","name","target","message","created_at","updated_at","digest") VALUES('d2ad1ea5efec71d2a94b7bf5','refs/heads/main','27b06fbeb7079ab2a5cb8db81130d444f6a04cd9','',1795240200927212,1795240200927223,'f339e287693c3b36b1dbb696cc456263');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('e9652f58c37bc1998e3d73dd','ticket-hub','9a200517c27df96f7a5144fc8d973973');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('e9652f58c37bc1998e3d73dd','image-classification','bfff85b841d099097b9f9c4c32d535e3');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('e9652f58c37bc1998e3d73dd','safetensors','eaf8cabfc1e90cd9aa39a6f4606e4e56');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('e9652f58c37bc1998e3d73dd','lottery-ticket','0e36964e43901d0dbba11cc18a973fc8');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('e9652f58c37bc1998e3d73dd','pruning','e950171851f107806a7170248aaa25b8');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('e9652f58c37bc1998e3d73dd','sparsity','72ffcb7d1149d9af33e76efd36358bad');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('e9652f58c37bc1998e3d73dd','lenet-10','082e75f3f176299d80181e5cdf773ccc');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('e9652f58c37bc1998e3d73dd','digits','0fa747270b16dbc47dc0ba6a78fe9508');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('a58e38c2ab222c30c60ddc22','ticket-hub','e1640d19912a4b35864d87855a3e30e5');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('a58e38c2ab222c30c60ddc22','image-classification','99b4c36ded8faf887230997611bd1c3a');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('a58e38c2ab222c30c60ddc22','safetensors','cb724c822b17c6d61e2ad88ca132e8f2');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('a58e38c2ab222c30c60ddc22','lottery-ticket','00123cabac180f0d944f4126aeaa1238');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('a58e38c2ab222c30c60ddc22','pruning','157424d30b886db99798151a05f34352');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('a58e38c2ab222c30c60ddc22','sparsity','5ea4b59fcdcf1476827a30ba339078a4');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('a58e38c2ab222c30c60ddc22','lenet-10','4163d71e0b1f4896ff19d3164ea0a273');
INSERT INTO "repository_tags" ("repository_id","tag","digest") VALUES('a58e38c2ab222c30c60ddc22','digits','67705fbe10379aad8ed279eaed3d8d08');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','9e3552bd277e63477318aa174dd0e07cc658151bf78bc6ecf534863c697b6103',1795240200382229,'730d92ff54cc0e2eb88050c2d67ba7b0');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','6d05aa4edb872fdadaf4f120c5b29e1acb828e6e40dad7866cf825457cc05183',1795240200526616,'9d5c25929a60bf7397ec9ef78f16de45');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','b68fe8ec2f9a429b0fb244acf377fee6613fee3693e1bddb0be73f765036486a',1795240200444825,'5579567e59288a761ba0094424be9bbe');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','89ab9464af479e96cb3bc7975c209d21d9188f113ba86944881270bf2d25ad7d',1795240200449513,'4e8322535e7f27bf5070646977b56790');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','bef0f0611b66eb92689c70f6b1657176703d47c1c953e55afcf3aff36fe2f0e2',1795240200469920,'2c7c0d619f699eee71bd8e5dc42831b7');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','1eae7507943264e60256836f1b23471bffccc014e4067d316eb1922cfbb92ee6',1795240200492818,'95b1d08b8c7dc3a2b2c25d116ac0deff');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','0c23f706dde1d3fcac62b9bb3e44a1bd5a9bed76e970106f7ff056cb9e2e2d70',1795240200496486,'15eb81624f51767ac26939ed4780e307');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','8531a7923f7365201a53c45dc820a898350985b6bc39b76ec23f64f052b10ba1',1795240200517858,'8ab475fc36a4090b56c38a34bf0f8d92');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','cba841d6cc35d5f62daf4c2e0211183fff38be40500091783145a6777f6ccac6',1795240200520266,'b296c513b990121c50702e955527c94a');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','919b2c7f9497a4138cbf3e90aeafe20aacc71a11ef4a7983cfe4acb8873a0de3',1795240200533048,'ebed0eecdc77667c938a57018077dbc7');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','5668b9fcbfed0f90b71d5b2a993736f20f5b5a74879e0cecc717c2df4dcff94a',1795240200534469,'30231b2519d74fd0355b0979318231cb');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','b4ea95c7a9d64f53128b13c1f6e0da028b0442a9f2b1069155a2ceed759745ec',1795240200535496,'753197d476535c873b26dba171f87d02');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','1676343193ddf7279a0a000da1fc05478fb681707be6341ea35ecfdf4ac3416d',1795240200579685,'bdbf830bc8cceab4008b4039b78206b1');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','ef3722f6230a3c731260087c4c35747cc0e11e128a0e0801edc56a9102113669',1795240200593025,'a8cb624650ec0e07c21793322f02d803');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','fbc1fcc416ae789ac02444d982602df5fd6b835d2b8d5f05cd279f78b07d59b3',1795240200601990,'1428636c5f5d3b4ed45fbe8aaf74ea59');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','51e8a59ded76b2730f4e908824fee41d5121c7ae24c1fe1437c43362b1aa38d3',1795240200606820,'e426fb7a3d72df3ed52183cb118f6de4');
INSERT INTO "uploads" ("repository_id","sha256","created_at","digest") VALUES('e9652f58c37bc1998e3d73dd','02cf8c39199e6ff98fd2f7df61c1ae58d7ab401a58a343e38fe2484f31fc47ff',1795240200612125,'f4ff6f6a7ea8185fc71354f3a35e2269');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','bbbd43d093caf6decb66f5b8f31774b8d4ad2576e79bd129e3004922ca70adae','cd34b0bc73de20cb1888e37c6f79afa2');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','02cf8c39199e6ff98fd2f7df61c1ae58d7ab401a58a343e38fe2484f31fc47ff','40a98dd3e0285284490ba96e4d365a28');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','0c23f706dde1d3fcac62b9bb3e44a1bd5a9bed76e970106f7ff056cb9e2e2d70','a778ece8d2de6e5c046105c172272626');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','1676343193ddf7279a0a000da1fc05478fb681707be6341ea35ecfdf4ac3416d','580474e5bfd4f958500cfb31ce385951');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','1eae7507943264e60256836f1b23471bffccc014e4067d316eb1922cfbb92ee6','652809e6732a97cc758530c59746341c');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','51e8a59ded76b2730f4e908824fee41d5121c7ae24c1fe1437c43362b1aa38d3','7bea09c0f472374489d7f2c0da4253b5');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','532e882a73dd50f01194685343178cb460c0583b57147fc1222b1bf402231fed','f09de85e4ada4492168dae99e19af5e0');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','5668b9fcbfed0f90b71d5b2a993736f20f5b5a74879e0cecc717c2df4dcff94a','6f2f402004a893d7eca4821d173b4627');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','6d05aa4edb872fdadaf4f120c5b29e1acb828e6e40dad7866cf825457cc05183','faca5869cf16378c2dbf1403b24bfaec');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','8531a7923f7365201a53c45dc820a898350985b6bc39b76ec23f64f052b10ba1','90fa6f596071ca4534f979d53beccab8');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','89ab9464af479e96cb3bc7975c209d21d9188f113ba86944881270bf2d25ad7d','0d7d8397e33db33df960677e4a0dcd1e');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a','74df2f1ceab7e70c9f8d92252ce2698e');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','919b2c7f9497a4138cbf3e90aeafe20aacc71a11ef4a7983cfe4acb8873a0de3','a9fe069b844def7c76b15b56f842d2b0');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','9e3552bd277e63477318aa174dd0e07cc658151bf78bc6ecf534863c697b6103','0f4a07a40ea44c04fcb4433f490bfdb8');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','ac421a4dc0065c2c3211e7c005a02fcf8a4c4080efb1352a2966a14da46e936f','82fa861246f1d2f25af564b5e7b6bdc3');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','b4ea95c7a9d64f53128b13c1f6e0da028b0442a9f2b1069155a2ceed759745ec','eb65d496a4aad1b1f41498e5ce2fe4bd');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','b68fe8ec2f9a429b0fb244acf377fee6613fee3693e1bddb0be73f765036486a','5eb218765b4748439995c733e7c56b80');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','bef0f0611b66eb92689c70f6b1657176703d47c1c953e55afcf3aff36fe2f0e2','d9144011d68afa9791c8664bd1afd631');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','cba841d6cc35d5f62daf4c2e0211183fff38be40500091783145a6777f6ccac6','1ce95e4485f808e043b1e17a6afdc69c');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','da8d70309bfebcfc33305f2caf29924ecdad5d0cd0ca5a03c86caab095bfa427','03da7a725402aefdc29f59f7e8b4897c');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','ef3722f6230a3c731260087c4c35747cc0e11e128a0e0801edc56a9102113669','5ebd2b646aae74b2dc3f246390849082');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('e9652f58c37bc1998e3d73dd','fbc1fcc416ae789ac02444d982602df5fd6b835d2b8d5f05cd279f78b07d59b3','b64de66b4e853e9c0ae6834608d73ba0');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','bbbd43d093caf6decb66f5b8f31774b8d4ad2576e79bd129e3004922ca70adae','06e1b52fdffe2e326964b97f6401630e');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','02cf8c39199e6ff98fd2f7df61c1ae58d7ab401a58a343e38fe2484f31fc47ff','f80e713cd4f94e519f12e3db4d39e4d9');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','0c23f706dde1d3fcac62b9bb3e44a1bd5a9bed76e970106f7ff056cb9e2e2d70','c79465041464cc49702cf4762d803e29');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','1676343193ddf7279a0a000da1fc05478fb681707be6341ea35ecfdf4ac3416d','a046ba831b21e666ba628425cd0c4379');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','1eae7507943264e60256836f1b23471bffccc014e4067d316eb1922cfbb92ee6','5691691cc28a13d4e6e7d98658dfb5f4');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','51e8a59ded76b2730f4e908824fee41d5121c7ae24c1fe1437c43362b1aa38d3','6e09a87b37adad6800c1094ef49ebe31');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','532e882a73dd50f01194685343178cb460c0583b57147fc1222b1bf402231fed','eb2c9ecd6d55c006f706a7894ca096f6');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','5668b9fcbfed0f90b71d5b2a993736f20f5b5a74879e0cecc717c2df4dcff94a','27424da0c35f6d90ffe1415125684544');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','6d05aa4edb872fdadaf4f120c5b29e1acb828e6e40dad7866cf825457cc05183','a1a85fa8936b415f23dd7f974fecd222');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','8531a7923f7365201a53c45dc820a898350985b6bc39b76ec23f64f052b10ba1','f1c90e0211a0818dd30ba8f98e099f3b');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','89ab9464af479e96cb3bc7975c209d21d9188f113ba86944881270bf2d25ad7d','50056cb5377d67a736d6fb7054c183e8');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a','c1867578972f655cc315429525be0242');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','919b2c7f9497a4138cbf3e90aeafe20aacc71a11ef4a7983cfe4acb8873a0de3','26023ed004058ebf111105135825d8d3');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','9e3552bd277e63477318aa174dd0e07cc658151bf78bc6ecf534863c697b6103','580ba9fd0bb1880c729a23433e16b63c');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','ac421a4dc0065c2c3211e7c005a02fcf8a4c4080efb1352a2966a14da46e936f','8fcc0721743ffffb5bf45d23732a08d6');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','b4ea95c7a9d64f53128b13c1f6e0da028b0442a9f2b1069155a2ceed759745ec','53caf6044ff1f3beb7780b425bf5b4f6');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','b68fe8ec2f9a429b0fb244acf377fee6613fee3693e1bddb0be73f765036486a','e46f9398e1ee39e9ffe4ae3b131c33cc');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','bef0f0611b66eb92689c70f6b1657176703d47c1c953e55afcf3aff36fe2f0e2','45624e4d510876449ec17c87ccc0af2a');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','cba841d6cc35d5f62daf4c2e0211183fff38be40500091783145a6777f6ccac6','ed36f28d5b5d58d1226d6a26ac4513f3');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','da8d70309bfebcfc33305f2caf29924ecdad5d0cd0ca5a03c86caab095bfa427','3d8f4d9fd2ba1d51084535ba5777245a');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','ef3722f6230a3c731260087c4c35747cc0e11e128a0e0801edc56a9102113669','56b049a5498234db4ed9d0b07e030fe2');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('a58e38c2ab222c30c60ddc22','fbc1fcc416ae789ac02444d982602df5fd6b835d2b8d5f05cd279f78b07d59b3','495bed54edb0b94fa095e80a8acb9d17');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('fda7d302f5121386cf5af5ad','bbbd43d093caf6decb66f5b8f31774b8d4ad2576e79bd129e3004922ca70adae','fc8c444bddd0c5ed84d77cb4f96c51ca');
INSERT INTO "uses" ("repository_id","sha256","digest") VALUES('d2ad1ea5efec71d2a94b7bf5','bbbd43d093caf6decb66f5b8f31774b8d4ad2576e79bd129e3004922ca70adae','9d7f3ba4c00e8e4af706f8fd203ccb73');
INSERT INTO "bundle_facts" ("manifest","bundle_id","problem","facts","digest") VALUES('90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a','0f91d8e5cefb883cd8c15f118bc45045c7e83900a316d281ed6971f9724503c7','','{"architecture":{"channels":1,"classes":10,"height":8,"name":"lenet-10","options":{},"width":8},"bit_exact":true,"checked":true,"data":{"fingerprint":"3ebb8ff0fd3a303c06e999c7511605ceb98d37c15db76f208ed73bc5a05b641a","mean":[0.0],"name":"digits","std":[1.0]},"default":{"level":2,"rule":"mean-within-margin","trial":0},"disagrees":[],"environment":{"device":"AMD EPYC","python":"3.11","torch":"2.13.0+cpu"},"experiments":[],"files":{"README.md":{"sha256":"532e882a73dd50f01194685343178cb460c0583b57147fc1222b1bf402231fed","size":2770},"config.json":{"sha256":"ac421a4dc0065c2c3211e7c005a02fcf8a4c4080efb1352a2966a14da46e936f","size":419},"masks/0/0.safetensors":{"sha256":"6d05aa4edb872fdadaf4f120c5b29e1acb828e6e40dad7866cf825457cc05183","size":269},"masks/0/1.safetensors":{"sha256":"9e3552bd277e63477318aa174dd0e07cc658151bf78bc6ecf534863c697b6103","size":269},"masks/0/2.safetensors":{"sha256":"bef0f0611b66eb92689c70f6b1657176703d47c1c953e55afcf3aff36fe2f0e2","size":269},"masks/0/3.safetensors":{"sha256":"b68fe8ec2f9a429b0fb244acf377fee6613fee3693e1bddb0be73f765036486a","size":269},"masks/0/4.safetensors":{"sha256":"89ab9464af479e96cb3bc7975c209d21d9188f113ba86944881270bf2d25ad7d","size":269},"masks/1/0.safetensors":{"sha256":"6d05aa4edb872fdadaf4f120c5b29e1acb828e6e40dad7866cf825457cc05183","size":269},"masks/1/1.safetensors":{"sha256":"0c23f706dde1d3fcac62b9bb3e44a1bd5a9bed76e970106f7ff056cb9e2e2d70","size":269},"masks/1/2.safetensors":{"sha256":"1eae7507943264e60256836f1b23471bffccc014e4067d316eb1922cfbb92ee6","size":269},"masks/1/3.safetensors":{"sha256":"8531a7923f7365201a53c45dc820a898350985b6bc39b76ec23f64f052b10ba1","size":269},"masks/1/4.safetensors":{"sha256":"cba841d6cc35d5f62daf4c2e0211183fff38be40500091783145a6777f6ccac6","size":269},"masks/2/0.safetensors":{"sha256":"6d05aa4edb872fdadaf4f120c5b29e1acb828e6e40dad7866cf825457cc05183","size":269},"masks/2/1.safetensors":{"sha256":"919b2c7f9497a4138cbf3e90aeafe20aacc71a11ef4a7983cfe4acb8873a0de3","size":269},"masks/2/2.safetensors":{"sha256":"b4ea95c7a9d64f53128b13c1f6e0da028b0442a9f2b1069155a2ceed759745ec","size":269},"masks/2/3.safetensors":{"sha256":"5668b9fcbfed0f90b71d5b2a993736f20f5b5a74879e0cecc717c2df4dcff94a","size":269},"masks/2/4.safetensors":{"sha256":"51e8a59ded76b2730f4e908824fee41d5121c7ae24c1fe1437c43362b1aa38d3","size":269},"metrics.json":{"sha256":"da8d70309bfebcfc33305f2caf29924ecdad5d0cd0ca5a03c86caab095bfa427","size":12815},"model.safetensors":{"sha256":"1676343193ddf7279a0a000da1fc05478fb681707be6341ea35ecfdf4ac3416d","size":3368},"theta0/0.safetensors":{"sha256":"ef3722f6230a3c731260087c4c35747cc0e11e128a0e0801edc56a9102113669","size":3368},"theta0/1.safetensors":{"sha256":"fbc1fcc416ae789ac02444d982602df5fd6b835d2b8d5f05cd279f78b07d59b3","size":3368},"theta0/2.safetensors":{"sha256":"02cf8c39199e6ff98fd2f7df61c1ae58d7ab401a58a343e38fe2484f31fc47ff","size":3368}},"id":"0f91d8e5cefb883cd8c15f118bc45045c7e83900a316d281ed6971f9724503c7","layers":[{"kind":"fc","name":"hidden.0.weight","shape":[10,64]},{"kind":"output","name":"output.weight","shape":[10,10]}],"levels":[{"carried":true,"controls":{},"density":1.0,"evidence":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"n":3,"test_accuracy":{"high":0.9747729892945624,"low":0.9400418255202524,"max":0.9638888888888889,"mean":0.9574074074074074,"min":0.95},"tickets":3},"family":0,"kept":{"0":[640,100],"1":[640,100],"2":[640,100]},"layers":[1.0,1.0],"level":0,"reason":"","tickets":{"0":"0f760833597bfb0d0465a94dc16ab16a1dbd8a6b404667d963e4c57e97d6a6b7","1":"233a4cfc7aba268af584512b99a1455095e44badaafe2c0dda5ecf76bd0673c4","2":"43fe767a53a926e93713d83f91fa027cbce8e0c5296cd632cf41c0119581ba38"},"verdict":null},{"carried":true,"controls":{"dense":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"gain":{"high":0.003058011786805047,"low":-0.0049098636386568925,"mean":-0.0009259259259259226},"holds":false,"identical":false,"n":3,"p":0.36580767558098914,"p_uncorrected":0.36580767558098914,"p_worse":0.4226497308103743,"p_worse_uncorrected":0.4226497308103743,"test_accuracy":{"high":0.9747729892945624,"low":0.9400418255202524,"max":0.9638888888888889,"mean":0.9574074074074074,"min":0.95},"tickets":3,"worse":false}},"density":0.7202702702702702,"evidence":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"n":3,"test_accuracy":{"high":0.9738470633686365,"low":0.9391158995943265,"max":0.9638888888888889,"mean":0.9564814814814815,"min":0.95},"tickets":3},"family":1,"kept":{"0":[448,85],"1":[448,85],"2":[448,85]},"layers":[0.7,0.85],"level":1,"reason":"not distinguishable, judged at this level alone and at one-sided 5%: -0.09 points against dense (95% interval -0.49 to +0.31) (n = 3 tickets, margin 0.2 points).","tickets":{"0":"ef29a3bce27d6ebd8a6c0cf62bf676d03c26c70abb0213d0cf0a5991c5d400b3","1":"35fc8dda95d7728758396be630010d7700b7f6f17f8da5c5c437034a8a057a6a","2":"57fc6135b66fa08ffcc01d32aa5626847662615d246f9c73624602fa89e2ac41"},"verdict":"not distinguishable"},{"carried":true,"controls":{"dense":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"gain":{"high":0.015290217627432306,"low":-0.013438365775580385,"mean":0.0009259259259259597},"holds":false,"identical":false,"n":3,"p":0.47322796838946024,"p_uncorrected":0.47322796838946024,"p_worse":1.0,"p_worse_uncorrected":1.0,"test_accuracy":{"high":0.9747729892945624,"low":0.9400418255202524,"max":0.9638888888888889,"mean":0.9574074074074074,"min":0.95},"tickets":3,"worse":false}},"density":0.5216216216216216,"evidence":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"n":3,"test_accuracy":{"high":0.9652337158659732,"low":0.9514329508006936,"max":0.9611111111111111,"mean":0.9583333333333334,"min":0.9555555555555556},"tickets":3},"family":1,"kept":{"0":[314,72],"1":[314,72],"2":[314,72]},"layers":[0.490625,0.72],"level":2,"reason":"not distinguishable, judged at this level alone and at one-sided 5%: +0.09 points against dense (95% interval -1.34 to +1.53) (n = 3 tickets, margin 0.2 points).","tickets":{"0":"28d421af7695f3115bfdd91570b56e605f829935eb3c747129600bd36156e6d3","1":"892251d2a777915d4864489d23a502b8a12d4290f18f5f141dcdc159e3b7bdb6","2":"c46c9e0758b7f1824ce402997d55f71684999e301f8b51f126456293ee74e6b8"},"verdict":"not distinguishable"},{"carried":true,"controls":{"dense":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"gain":{"high":0.01366187818345129,"low":-0.021069285590858744,"mean":-0.0037037037037037277},"holds":false,"identical":false,"n":3,"p":1.0,"p_uncorrected":1.0,"p_worse":0.4556689460481821,"p_worse_uncorrected":0.4556689460481821,"test_accuracy":{"high":0.9747729892945624,"low":0.9400418255202524,"max":0.9638888888888889,"mean":0.9574074074074074,"min":0.95},"tickets":3,"worse":false}},"density":0.37972972972972974,"evidence":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"n":3,"test_accuracy":{"high":0.9576876414164348,"low":0.9497197659909726,"max":0.9555555555555556,"mean":0.9537037037037037,"min":0.9527777777777777},"tickets":3},"family":1,"kept":{"0":[220,61],"1":[220,61],"2":[220,61]},"layers":[0.34375,0.61],"level":3,"reason":"not distinguishable, judged at this level alone and at one-sided 5%: -0.37 points against dense (95% interval -2.11 to +1.37) (n = 3 tickets, margin 0.2 points).","tickets":{"0":"618944808d93295b709d10ed720f8a1c50ea24f1771965211b22a06f6bf9762c","1":"9a7e25136ca2842114860baf6067e3d6f72e9166d6d71511314e99cd895e8d37","2":"96613eddd9c6d0f63f1260abd8473779402afe0f44cf349193b5cd323eb69824"},"verdict":"not distinguishable"},{"carried":true,"controls":{"dense":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"gain":{"high":-0.012264047742474762,"low":-0.046995211516784506,"mean":-0.029629629629629634},"holds":false,"identical":false,"n":3,"p":1.0,"p_uncorrected":1.0,"p_worse":0.018053740908454952,"p_worse_uncorrected":0.018053740908454952,"test_accuracy":{"high":0.9747729892945624,"low":0.9400418255202524,"max":0.9638888888888889,"mean":0.9574074074074074,"min":0.95},"tickets":3,"worse":true}},"density":0.27837837837837837,"evidence":{"early_stop":{"high":null,"low":null,"max":1000.0,"mean":1000.0,"min":1000.0},"n":3,"test_accuracy":{"high":0.9484789253756972,"low":0.9070766301798582,"max":0.9361111111111111,"mean":0.9277777777777777,"min":0.9194444444444444},"tickets":3},"family":1,"kept":{"0":[154,52],"1":[154,52],"2":[154,52]},"layers":[0.240625,0.52],"level":4,"reason":"losing, judged at this level alone and at one-sided 5%: -2.96 points against dense (95% interval -4.70 to -1.23) (n = 3 tickets, margin 0.2 points).","tickets":{"0":"7979219fd4002d82163725f551d5a751b80fc000a4fc71d4a35dd5899cbd99f6","1":"499be9554ef31748d4263b763d3d467e6d59a9dafb3a4d2d101d5211a411ebb5","2":"b754c33b20414a4ba113acbee3f8aa8b7e10dd44be1b4acc843ac93b7172f9a2"},"verdict":"losing"}],"lineage":[],"prunable":740,"recipe":{"about":"A small LeNet on scikit-learn''s digits: a whole search in under a minute on two cores","data":{"crop":0,"flip":false,"name":"digits","normalize":"unit","size":0,"split_seed":0,"validation":300},"name":"digits-quick","network":{"init":"glorot-normal","init_scale":1.0,"name":"lenet-10","options":{}},"pruning":{"allow_empty_layers":false,"criterion":"magnitude","mode":"iterative","rates":{"fc":0.3,"output":0.15},"scope":"layerwise","target_density":null},"search":{"levels":4,"rewind":"init","seed":1,"stop_below_dense":null,"stop_density":null,"trials":3},"training":{"backend":"plain","batch_size":60,"beta1":0.9,"beta2":0.999,"eps":1e-08,"evaluate_every":125,"gamma":0.1,"iterations":1000,"lr":0.003,"milestones":[],"momentum":0.0,"nesterov":false,"optimizer":"adam","patience":0,"precision":"float32","schedule":"constant","test":"curve","warmup":0,"weight_decay":0.0}},"recipe_digest":"16c86f4efd472058d326385c824f52f175f36e1567b39b9620432e4571ddd2c9","theta0":"dense","trials":[{"index":0,"seed":1,"start":0},{"index":1,"seed":2,"start":0},{"index":2,"seed":3,"start":0}]}','45413c25ef8ddfb9253fbe1cf1594658');
INSERT INTO "ticket_versions" ("repository_id","oid","number","manifest","problem","digest") VALUES('a58e38c2ab222c30c60ddc22','5e291fac353c057b34b3aae9d0697e3af726f2cb',1,'','','b68931e5e23e93786c2ae89eaff1b7b2');
INSERT INTO "ticket_versions" ("repository_id","oid","number","manifest","problem","digest") VALUES('a58e38c2ab222c30c60ddc22','862b755a0a83c00b8d9eae6cb0244dd8645ed07e',2,'90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a','','3d007397d49afee5295062548227666f');
INSERT INTO "ticket_versions" ("repository_id","oid","number","manifest","problem","digest") VALUES('d2ad1ea5efec71d2a94b7bf5','27b06fbeb7079ab2a5cb8db81130d444f6a04cd9',1,'','','17e4e2e1825e27accbcbb55f6405bea2');
INSERT INTO "ticket_versions" ("repository_id","oid","number","manifest","problem","digest") VALUES('e9652f58c37bc1998e3d73dd','a174943a783b973201299c13a0bae784660bbdfc',1,'','','294e5fdf42ee431a44922088249f607c');
INSERT INTO "ticket_versions" ("repository_id","oid","number","manifest","problem","digest") VALUES('e9652f58c37bc1998e3d73dd','c39ec6371b299ccbfff54e5b54f7ccf02a9f16ee',2,'90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a','','d43977a0694b5dcb25df7aeebb050b4a');
INSERT INTO "ticket_versions" ("repository_id","oid","number","manifest","problem","digest") VALUES('fda7d302f5121386cf5af5ad','99291b5c69ae426152b37ed00129aa213f087f19',1,'','','233f9475a58071a15b0d3432a4b33053');
INSERT INTO "tickets" ("number","id","repository_id","source","owner_id","visibility","namespace","name","key","head","manifest","bundle_id","network","dataset","recipe","trials","levels","prunable","level","rule","density","accuracy","low","high","gain","gain_low","gain_high","n","verdict","density_bits","accuracy_bits","verdicts","words","created_at","updated_at","digest") VALUES(745595929481061059,'a58e38c2ab222c30c60ddc22','a58e38c2ab222c30c60ddc22','','17c7bd3a225898e7dd23ad13','private','lab','hidden','lab/hidden','862b755a0a83c00b8d9eae6cb0244dd8645ed07e','90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a','0f91d8e5cefb883cd8c15f118bc45045c7e83900a316d281ed6971f9724503c7','lenet-10','digits','digits-quick',3,5,740,2,'mean-within-margin',5.21621621621621622821e-01,9.5833333333333337034e-01,9.51432950800693566506e-01,9.65233715865973174174e-01,9.2592592592595967995e-04,-1.34383657755803853639e-02,1.5290217627432305808e-02,3,'not distinguishable',171,425984,12,'lab hidden lenet 10 digits quick a small on scikit learn s whole search in under minute two cores',1795240200748578,1795240200859004,'aa457d2cd6c318cb807bf97e85c254dc');
INSERT INTO "tickets" ("number","id","repository_id","source","owner_id","visibility","namespace","name","key","head","manifest","bundle_id","network","dataset","recipe","trials","levels","prunable","level","rule","density","accuracy","low","high","gain","gain_low","gain_high","n","verdict","density_bits","accuracy_bits","verdicts","words","created_at","updated_at","digest") VALUES(1051118777610517529,'e9652f58c37bc1998e3d73dd','e9652f58c37bc1998e3d73dd','','34ad2a7bdc11cbcc4dcf3bdf','accounts','ada','golden','ada/golden','c39ec6371b299ccbfff54e5b54f7ccf02a9f16ee','90e3f7dd54fe4b6fb5e0f26a9a23902879e13e5f6f75ab4fa3b824dcdc6e534a','0f91d8e5cefb883cd8c15f118bc45045c7e83900a316d281ed6971f9724503c7','lenet-10','digits','digits-quick',3,5,740,2,'mean-within-margin',5.21621621621621622821e-01,9.5833333333333337034e-01,9.51432950800693566506e-01,9.65233715865973174174e-01,9.2592592592595967995e-04,-1.34383657755803853639e-02,1.5290217627432305808e-02,3,'not distinguishable',171,425984,12,'ada golden lenet 10 digits quick a small on scikit learn s whole search in under minute two cores',1795240200096520,1795240200694525,'32a8dda37382b8780b3204540495d558');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('a58e38c2ab222c30c60ddc22',0,1.0,9.57407407407407373689e-01,'','8f1eb27ad1ce4cc15e68fe7acc2c019a');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('a58e38c2ab222c30c60ddc22',1,7.20270270270270240864e-01,9.5648148148148148806e-01,'not distinguishable','721199f0b45f8eb9e2735de6318c53a1');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('a58e38c2ab222c30c60ddc22',2,5.21621621621621622821e-01,9.5833333333333337034e-01,'not distinguishable','c67e0ffd82345d3e75c03175d7c2a60d');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('a58e38c2ab222c30c60ddc22',3,3.79729729729729736931e-01,9.53703703703703720151e-01,'not distinguishable','0745235246ad691ad204c74b716af783');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('a58e38c2ab222c30c60ddc22',4,2.78378378378378366075e-01,9.27777777777777701295e-01,'losing','1a1935a34afbd6ff8547ab962b23c793');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('e9652f58c37bc1998e3d73dd',0,1.0,9.57407407407407373689e-01,'','89bc6a4e82621ac7c36c3449f1acef96');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('e9652f58c37bc1998e3d73dd',1,7.20270270270270240864e-01,9.5648148148148148806e-01,'not distinguishable','e4ea9a2a4371a36cd2d6069cf7a1d093');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('e9652f58c37bc1998e3d73dd',2,5.21621621621621622821e-01,9.5833333333333337034e-01,'not distinguishable','b6998988c292e052f2e2c31d9b2f0fe5');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('e9652f58c37bc1998e3d73dd',3,3.79729729729729736931e-01,9.53703703703703720151e-01,'not distinguishable','462a898da56515c4657747e3142c326f');
INSERT INTO "ticket_levels" ("ticket_id","level","density","accuracy","verdict","digest") VALUES('e9652f58c37bc1998e3d73dd',4,2.78378378378378366075e-01,9.27777777777777701295e-01,'losing','ef1842a8da6f80fcf921efa7d051f65b');
INSERT INTO "ticket_words" (rowid,"words") VALUES(745595929481061059,'lab hidden lenet 10 digits quick a small on scikit learn s whole search in under minute two cores');
INSERT INTO "ticket_words" (rowid,"words") VALUES(1051118777610517529,'ada golden lenet 10 digits quick a small on scikit learn s whole search in under minute two cores');
CREATE INDEX ix_objects_xet_hash ON objects (xet_hash);
CREATE INDEX ix_memberships_user_id ON memberships (user_id);
CREATE INDEX ix_repositories_library ON repositories (library);
CREATE INDEX ix_repositories_owner_id ON repositories (owner_id);
CREATE INDEX ix_repositories_pipeline ON repositories (pipeline);
CREATE INDEX repositories_by_creation ON repositories (created_at, id);
CREATE INDEX repositories_by_downloads ON repositories (downloads, id);
CREATE INDEX repositories_by_update ON repositories (updated_at, id);
CREATE INDEX ix_tokens_account_id ON tokens (account_id);
CREATE INDEX ix_xorb_uses_xorb ON xorb_uses (xorb);
CREATE INDEX ix_commits_tree ON commits (tree);
CREATE INDEX ix_former_names_repository_id ON former_names (repository_id);
CREATE INDEX ix_repository_tags_tag ON repository_tags (tag);
CREATE INDEX ix_uploads_sha256 ON uploads (sha256);
CREATE INDEX ix_uses_sha256 ON uses (sha256);
CREATE INDEX ix_bundle_facts_bundle_id ON bundle_facts (bundle_id);
CREATE INDEX ix_evidence_bundle_id ON evidence (bundle_id);
CREATE INDEX ix_evidence_dataset ON evidence (dataset);
CREATE INDEX ix_ticket_versions_manifest ON ticket_versions (manifest);
CREATE INDEX ix_tickets_bundle_id ON tickets (bundle_id);
CREATE INDEX ix_tickets_manifest ON tickets (manifest);
CREATE INDEX ix_tickets_repository_id ON tickets (repository_id);
CREATE INDEX tickets_by_accuracy ON tickets (accuracy, id, visibility, owner_id, network, dataset, density_bits, accuracy_bits, verdicts, "key");
CREATE INDEX tickets_by_density ON tickets (density, id, visibility, owner_id, network, dataset, density_bits, accuracy_bits, verdicts, "key");
CREATE INDEX tickets_by_kind ON tickets (network, dataset);
CREATE INDEX tickets_by_name ON tickets ("key", id, visibility, owner_id, network, dataset, density_bits, accuracy_bits, verdicts);
CREATE INDEX tickets_by_update ON tickets (updated_at, id, visibility, owner_id, network, dataset, density_bits, accuracy_bits, verdicts, "key");
CREATE INDEX ticket_levels_by_density ON ticket_levels (density, accuracy, verdict, ticket_id);
CREATE INDEX ticket_levels_by_ticket ON ticket_levels (ticket_id, density, accuracy, verdict);
CREATE INDEX ix_job_workers_seen_at ON job_workers (seen_at);
CREATE INDEX jobs_by_account ON jobs (account_id, created_at);
CREATE INDEX jobs_by_creation ON jobs (created_at, id);
CREATE INDEX jobs_by_state ON jobs (state, lease_until);
CREATE INDEX jobs_by_turn ON jobs (state, priority, created_at, id);
COMMIT;
