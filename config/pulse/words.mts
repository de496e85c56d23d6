// What clerks are called, and what they write.

export const pick = <T,>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

const FAMILY = ["方", "石", "姚", "谭", "廖", "邹", "熊", "金", "陆", "郝", "孔", "白", "崔", "康", "毛", "邱", "秦", "江", "史", "顾"];
const GIVEN = ["子涵", "思远", "雨桐", "浩然", "欣怡", "明哲", "若溪", "俊杰"];

/** The same each time; no two of the first forty are alike. */
export const personName = (n: number): string => `${FAMILY[n % FAMILY.length]}${GIVEN[(n + Math.floor(n / FAMILY.length)) % GIVEN.length]}`;

const BRAND = ["恒", "远", "启", "盛", "联", "瑞", "嘉", "元", "海", "信", "安", "华"];
const TRADE = ["机械制造", "电子科技", "食品", "建筑工程", "物流", "纺织", "医疗器械", "信息技术", "新材料", "农业发展"];

export const companyName = (place: string): string => `${place}${pick(BRAND)}${pick(BRAND)}${pick(TRADE)}有限公司`;

export const SAID = [
  "上门拜访，了解近期用款需求，约定下周提供方案。",
  "电话沟通结算账户开立事宜，客户正在准备材料。",
  "客户反馈方案利率偏高，需与分行沟通后回复。",
  "介绍了代发工资和企业网银，客户有兴趣。",
  "财务负责人出差，改约时间面谈。",
  "核对了授信所缺材料，还差近三个月流水。",
  "客户计划扩建厂房，年内有固定资产贷款需求。",
  "邀请客户参加网点的票据业务说明会。",
];

export const NOTED = ["客户偏好微信联系。", "决策由总经理和财务总监共同作出。", "与他行合作三年，存在转移空间。", "旺季在四季度，需提前准备额度。", "对手续费较敏感。"];
