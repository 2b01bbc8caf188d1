-- MySQL dump 10.19
/*!40101 SET NAMES utf8 */;
DROP TABLE IF EXISTS `trunks`;
CREATE TABLE `trunks` (
  `trunkid` int(11) NOT NULL DEFAULT '0',
  `tech` varchar(20) NOT NULL,
  `channelid` varchar(190) NOT NULL DEFAULT '',
  `name` varchar(50) NOT NULL DEFAULT '',
  `outcid` varchar(40) NOT NULL DEFAULT '',
  `keepcid` varchar(4) DEFAULT 'off',
  `maxchans` varchar(6) DEFAULT '',
  `failscript` varchar(255) NOT NULL DEFAULT '',
  `dialoutprefix` varchar(255) NOT NULL DEFAULT '',
  `usercontext` varchar(255) DEFAULT NULL,
  `provider` varchar(40) DEFAULT NULL,
  `disabled` varchar(4) DEFAULT 'off',
  `continue` varchar(4) DEFAULT 'off',
  PRIMARY KEY (`trunkid`,`tech`,`channelid`)
) ENGINE=InnoDB;
INSERT INTO `trunks` VALUES (1,'pjsip','carrier-a','Carrier A','',NULL,'10','','',NULL,'','off','off'),
(2,'sip','carrier_b','Carrier B; the \'old\' one','15557000','off','','','1234#','','','off','off'),
(3,'dahdi','g0','ISDN','','off','','','','','','off','off'),(4,'pjsip','x','Gone','','off','','','','','','on','off');
CREATE TABLE `pjsip` (
  `id` varchar(50) NOT NULL, `keyword` varchar(50) NOT NULL, `data` varchar(8100) NOT NULL, `flags` int(1) NOT NULL DEFAULT '0',
  PRIMARY KEY (`id`,`keyword`));
INSERT INTO `pjsip` VALUES ('1','sip_server','sbc.carrier-a.example',0),('1','sip_server_port','5070',0),('1','username','acme',0),('1','secret','sword;fish-17',0),('1','registration','send',0),('1','transport','0.0.0.0-udp',0);
CREATE TABLE `outbound_routes` (`route_id` int, `name` varchar(40), `outcid` varchar(40), `password` varchar(30), `emergency_route` varchar(4), `time_group_id` int);
INSERT INTO `outbound_routes` (`route_id`, `name`, `outcid`, `password`, `emergency_route`, `time_group_id`) VALUES (1,'national','','','',NULL),(2,'international','','1234','',3),(3,'emergency','','','YES',NULL);
CREATE TABLE `outbound_route_patterns` (`route_id` int, `match_pattern_prefix` varchar(60), `match_pattern_pass` varchar(60), `match_cid` varchar(60), `prepend_digits` varchar(100));
INSERT INTO `outbound_route_patterns` VALUES (1,'9','NXXNXXXXXX','','1'),(1,'9','1NXXNXXXXXX','',''),(2,'9','011.','',''),(3,'','911','',''),(3,'','9[13]3','','');
CREATE TABLE `outbound_route_sequence` (`route_id` int, `seq` int);
INSERT INTO `outbound_route_sequence` VALUES (3,0),(1,1),(2,2);
CREATE TABLE `outbound_route_trunks` (`route_id` int, `trunk_id` int, `seq` int);
INSERT INTO `outbound_route_trunks` VALUES (1,2,1),(1,1,0),(2,2,0),(3,3,0),(3,4,1),(3,1,2);
CREATE TABLE `incoming` (`cidnum` varchar(20), `extension` varchar(50), `destination` varchar(50), `description` varchar(80), `grppre` varchar(80));
INSERT INTO `incoming` VALUES ('','15557000','ext-group,600,1','Main',''),('','15557001','ivr-3,s,1','Menu',''),('','','from-did-direct,100,1','any',''),('15550123','15557000','ext-local,vmu100,1','VIP','vip:'),('','_1555800XXXX','from-did-direct,101,1','',''),('','15557009','app-blackhole,hangup,1','','');
CREATE TABLE `ringgroups` (`grpnum` bigint, `strategy` varchar(50), `grptime` smallint, `grppre` varchar(100), `grplist` varchar(255), `annmsg_id` int, `postdest` varchar(255), `description` varchar(35), `needsconf` varchar(10));
INSERT INTO `ringgroups` VALUES (600,'ringall',20,'','100-101',0,'ext-group,601,1','Sales desk',''),(601,'memoryhunt-prim',10,'','102-912125550100#-77#',NULL,'ext-local,vmu100,1','','CHECKED');
CREATE TABLE `users` (`extension` varchar(20), `name` varchar(50));
INSERT INTO `users` VALUES ('100','Anna Smith'),('101','Ben # {O\'Neill}');
